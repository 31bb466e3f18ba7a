"""Summary statistics: reading any layout, harmonising, meta-analysis.

What it reads and writes is described in docs/meta.md.
"""
