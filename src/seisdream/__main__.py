"""`python -m seisdream` is `seisdream`."""

from seisdream.cli.main import main

main()
