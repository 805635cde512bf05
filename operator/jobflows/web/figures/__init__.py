"""Pictures of flows and their attempts, as places and lengths that a template writes as SVG.

Colours are classes of the style sheet, so that a picture follows the reader's light or dark.
"""
