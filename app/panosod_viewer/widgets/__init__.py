"""Small widgets that several panels are made of: icon buttons, chips, labels that shorten, rows that fit."""
