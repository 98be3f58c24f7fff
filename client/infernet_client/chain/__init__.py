"""The chain as a requester needs it: subscriptions, wallets, tokens and a connection to them."""
