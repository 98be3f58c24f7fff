"""What the TGI service costs beside a direct call of TGI, with real processes."""
