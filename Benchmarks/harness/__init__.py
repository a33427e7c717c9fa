"""What `run` is made of: processes, an MCP client, and one module for each group of numbers."""
