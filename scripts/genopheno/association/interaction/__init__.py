"""Variant × covariate interaction: of each variant its effect, its products, and all together."""
