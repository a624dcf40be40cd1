"""Admin pages of engagements: list, builder with preview, invitations and showings. Thin doors to
the operations. Nobody imports them."""
