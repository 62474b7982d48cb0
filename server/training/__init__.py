"""How the models that come with this program and with its tests are made and judged."""
