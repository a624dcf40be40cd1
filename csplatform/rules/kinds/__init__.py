"""The kinds of tests of the rules room, one file each; none of them knows another."""
