"""What an atlas keeps, and where: a LanceDB database."""
