"""The page's map beside Plotly's gl2d bundle."""
