"""How AWS is spoken to: what is asked, what is answered."""
