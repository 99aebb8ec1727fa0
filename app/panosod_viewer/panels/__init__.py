"""One widget a module: state in, intents out. Panels do not know each other."""
