"""From a scan to signals: which of many associated variants stand for something of their own."""
