"""Reads: trimming, alignment, duplicates, and the measures of a sample's reads."""
