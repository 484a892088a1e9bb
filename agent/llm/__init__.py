"""Models: the OpenAI-compatible client and the built-in offline model behind one interface."""
