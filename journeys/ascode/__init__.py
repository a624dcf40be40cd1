"""Programs, mail templates and webhook endpoints as code: one file per kind of document."""
