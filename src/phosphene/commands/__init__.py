"""The commands of the command line that are no instruments, a file each, and what turns instruments into commands."""
