"""What the apps with tables share: values for columns, tables of other packages, what is old."""
