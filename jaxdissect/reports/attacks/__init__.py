"""What an attack does to units: numbers, figures, the page."""
