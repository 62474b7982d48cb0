"""How the models that come with this program and with its tests were trained."""
