"""A picture of the Mandelbrot set, a row an item: `jobflow map examples.mandelbrot:row`.

Rows through the middle take the longest, so that workers which got equal shares would wait for each
other.
"""

WIDTH, HEIGHT, DEPTH = 72, 24, 4000
SHADES = " .:-=+*#%@"


def row(y: int) -> str:
    """One row of the picture as text."""
    if not 0 <= y < HEIGHT:
        raise ValueError(f"row {y} is not in the picture, which has {HEIGHT} rows")
    imaginary = 2.4 * y / (HEIGHT - 1) - 1.2
    return "".join(_shade(complex(3.2 * x / WIDTH - 2.3, imaginary)) for x in range(WIDTH)).rstrip()


def _shade(point: complex) -> str:
    z = 0j
    for step in range(DEPTH):
        if abs(z) > 2:
            return SHADES[min(step, len(SHADES) - 1)]
        z = z * z + point
    return SHADES[-1]
