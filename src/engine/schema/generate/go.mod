module schema-generate

go 1.26.0
