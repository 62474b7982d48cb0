"""The command line: one file a command. The only room that reads arguments or draws progress bars."""
