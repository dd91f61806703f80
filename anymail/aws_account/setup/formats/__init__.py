"""What is needed, as code: for those who keep their infrastructure in such a form."""
