"""A web page and a REST API over the archive of runs: `jobflow ui`, `jobflow-web`.

Pages are written by the server: they need no build, are read by a browser without scripts, and what
comes from users (names, messages, logs) is text in them and never markup.

    application  puts it together        figures/    pictures as SVG, computed here
    pages/       one page a module       queries/    what only pages ask of the archive
    rest/        the API, /api/v1        templates/  HTML; every value in it is escaped
    safety       headers, tokens         actions     what may be told to a flow, if that is allowed
    login/       who signs in            sight       what of the archive a reader may see
"""
