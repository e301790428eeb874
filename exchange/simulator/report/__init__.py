"""How real the prices are: statistics and the page that shows them; pure Python, no Django."""
