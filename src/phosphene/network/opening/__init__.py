"""Where networks come from: names, files, folders, other programs' formats."""
