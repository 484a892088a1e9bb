"""What past runs show: figures over a period, computed in the database, and charts of them."""
