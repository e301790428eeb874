"""How the pages of the admin write dates and times, by language."""
