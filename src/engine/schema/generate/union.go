package main

import (
	"fmt"
	"io"
	"log"
	"regexp"
	"slices"
	"strings"
)

// structure is a Go struct as one version, or all of them together, have it.
type structure struct {
	name   string
	atomic bool
	fields []field
}

// field is one row; of is the name of the struct that the shape leads to, or empty; spelt is its type in Go's words, and embedded the
// struct inlined in the owner that has it, or empty.
type field struct {
	name, wire, shape, patch, of, spelt, embedded string
}

// union is what the versions have together; seen tells which minor versions have a type, or a field as TYPE.FIELD.
type union struct {
	structures map[string]*structure
	seen       map[string]map[int]bool
}

// add takes in a struct of a version that is older than those taken in before.
func (u union) add(found structure, minor int) {
	note := func(name string) {
		if u.seen[name] == nil {
			u.seen[name] = map[int]bool{}
		}
		u.seen[name][minor] = true
	}
	note(found.name)
	into := u.structures[found.name]
	if into == nil {
		into = &structure{name: found.name, atomic: found.atomic}
		u.structures[found.name] = into
	}
	if into.atomic != found.atomic {
		log.Fatalf("%s: 1.%d treats it as atomic otherwise than later versions", found.name, minor)
	}
	for _, row := range found.fields {
		note(found.name + "." + row.name)
		at := slices.IndexFunc(into.fields, func(known field) bool { return known.name == row.name })
		if at < 0 {
			into.fields = append(into.fields, row)
			continue
		}
		// How Go writes a field may change; what it is may not, since one table then is not enough.
		if known := into.fields[at]; known.shape != row.shape || known.patch != row.patch {
			log.Fatalf("%s.%s is %s, %s in 1.%d and %s, %s later", found.name, row.name, row.shape, row.patch, minor, known.shape, known.patch)
		}
	}
}

var words = regexp.MustCompile(`([a-z0-9])([A-Z])`)

func constant(name string) string {
	return strings.ToUpper(words.ReplaceAllString(name, "${1}_${2}"))
}

func (u union) print(out io.Writer, name string, done map[string]bool, number *int) {
	if done[name] {
		return
	}
	done[name] = true
	of := u.structures[name]
	for _, row := range of.fields {
		if row.of != "" {
			u.print(out, row.of, done, number)
		}
	}
	fmt.Fprintf(out, "\npub static %s: Struct = Struct {\n    name: %q,\n    number: %d,\n    atomic: %t,\n    fields: &[\n", constant(name), name, *number, of.atomic)
	*number++
	for _, row := range of.fields {
		fmt.Fprintf(out, "        Field(%q, %s, %s, %s),\n", row.name, row.wire, row.shape, row.patch)
	}
	fmt.Fprint(out, "    ],\n};\n")
}

func (u union) printPartial(out io.Writer, name string, done map[string]bool) {
	if done[name] {
		return
	}
	done[name] = true
	for _, row := range u.structures[name].fields {
		if row.of != "" {
			u.printPartial(out, row.of, done)
		}
		var having []int
		lacked := false
		for _, version := range versions {
			switch {
			case u.seen[name+"."+row.name][version.minor]:
				having = append(having, version.minor)
			case u.seen[name][version.minor]:
				lacked = true
			}
		}
		if !lacked {
			continue
		}
		since, until := having[0], having[len(having)-1]
		if until-since+1 != len(having) {
			log.Fatalf("%s.%s went and came again: a first and a last version do not tell that", name, row.name)
		}
		fmt.Fprintf(out, "    Partial(%q, %q, %d, %d),\n", name, row.name, since, until)
	}
}

// usual gives the words of Go for a type that its shape tells already.
func usual(row field) string {
	switch {
	case row.shape == "Text":
		return "string"
	case row.shape == "Boolean":
		return "bool"
	case row.shape == "Integer":
		return "int32"
	case row.of != "" && strings.HasPrefix(row.shape, "Nested"):
		return "v1." + row.of
	case row.of != "" && strings.HasPrefix(row.shape, "List"):
		return "[]v1." + row.of
	case strings.HasPrefix(row.shape, "List") && strings.HasSuffix(row.shape, "&Text)"):
		return "[]string"
	case strings.HasPrefix(row.shape, "List") && strings.HasSuffix(row.shape, "&Integer)"):
		return "[]int32"
	case row.shape == "Map(&Text)", row.shape == "AtomicMap(&Text)":
		return "map[string]string"
	}
	return ""
}

func (u union) printSpelt(out io.Writer, name string, done map[string]bool) {
	if done[name] {
		return
	}
	done[name] = true
	for _, row := range u.structures[name].fields {
		if row.of != "" {
			u.printSpelt(out, row.of, done)
		}
	}
	for _, row := range u.structures[name].fields {
		if row.spelt != usual(row) || row.embedded != "" {
			fmt.Fprintf(out, "    Spelt(%q, %q, %q, %q),\n", name, row.name, row.spelt, row.embedded)
		}
	}
}
