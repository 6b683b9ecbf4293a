"""The section viewer in Jupyter, VS Code, Colab and marimo."""
