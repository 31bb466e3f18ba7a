"""Time-to-event traits: proportional hazards.

`model` tests every variant by its score and refines the small p-values, `firth` has the
penalised fits, `risksets` who is at risk at each event.
"""
