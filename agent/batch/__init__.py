"""Many messages carried out by one command: reads inputs, follows their runs, keeps what came of them."""
