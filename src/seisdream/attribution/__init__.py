"""Attribution: which samples a network's output depends on."""
