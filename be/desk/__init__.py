"""The support desk: what the admin has beyond lists of rows; it calls the domain of all apps."""
