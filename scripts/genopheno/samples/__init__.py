"""Samples: measures of reads and genotypes joined, and the verdict they give."""
