from server.cli import main
from server.console import prepare_console

if __name__ == "__main__":
    prepare_console()
    raise SystemExit(main())
