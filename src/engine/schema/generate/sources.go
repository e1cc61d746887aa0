package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// declaration is a type in the sources: its text, its markers, and the packages that the file calls by short names.
type declaration struct {
	path    string // of the package
	spec    *ast.TypeSpec
	markers []string
	imports map[string]string
}

// sources are the packages of one version, read as they are asked for.
type sources struct {
	version version
	folders map[string]string // by module
	types   map[string]map[string]declaration
	done    map[string]bool
	found   []structure
}

func read(version version) *sources {
	modules := []string{"k8s.io/api", "k8s.io/apimachinery"}
	command := exec.Command("go", "mod", "download", "-json", modules[0]+"@"+version.module, modules[1]+"@"+version.module)
	text, err := command.Output()
	if err != nil {
		log.Fatalf("%s: %v\n%s", version.module, err, text)
	}
	folders := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(text)); decoder.More(); {
		var module struct{ Path, Dir string }
		if err := decoder.Decode(&module); err != nil {
			log.Fatal(err)
		}
		folders[module.Path] = module.Dir
	}
	return &sources{version: version, folders: folders, types: map[string]map[string]declaration{}, done: map[string]bool{}}
}

// tree gives the structs that a type of apps/v1 reaches.
func (s *sources) tree(name string) []structure {
	s.structure(s.find("k8s.io/api/apps/v1", name))
	return s.found
}

// find gives a type of a package.
func (s *sources) find(path, name string) declaration {
	if s.types[path] == nil {
		s.types[path] = s.parse(path)
	}
	found, ok := s.types[path][name]
	if !ok {
		log.Fatalf("%s has no type %s in %s", path, name, s.version.module)
	}
	return found
}

func (s *sources) parse(path string) map[string]declaration {
	types := map[string]declaration{}
	for module, folder := range s.folders {
		below, inside := strings.CutPrefix(path, module+"/")
		if !inside {
			continue
		}
		files, err := filepath.Glob(filepath.Join(folder, below, "*.go"))
		if err != nil {
			log.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				log.Fatal(err)
			}
			declare(path, file, types)
		}
	}
	return types
}

func declare(path string, file *ast.File, types map[string]declaration) {
	imports := map[string]string{}
	for _, one := range file.Imports {
		target := strings.Trim(one.Path.Value, `"`)
		short := target[strings.LastIndex(target, "/")+1:]
		if one.Name != nil {
			short = one.Name.Name
		}
		imports[short] = target
	}
	for _, one := range file.Decls {
		group, ok := one.(*ast.GenDecl)
		if !ok || group.Tok != token.TYPE {
			continue
		}
		for _, spec := range group.Specs {
			spec := spec.(*ast.TypeSpec)
			// A marker may stand in a comment of its own, a blank line above the documentation.
			types[spec.Name.Name] = declaration{path, spec, markers(spec.Doc, group.Doc), imports}
		}
	}
}

var marker = regexp.MustCompile(`(?m)^\s*\+(\S+)`)

// markers gives the words behind the plus signs of comments, such as listType=map.
func markers(comments ...*ast.CommentGroup) []string {
	var found []string
	for _, comment := range comments {
		for _, match := range marker.FindAllStringSubmatch(comment.Text(), -1) {
			found = append(found, match[1])
		}
	}
	return found
}

func (s *sources) structure(from declaration) string {
	name := from.spec.Name.Name
	if s.done[name] {
		return name
	}
	s.done[name] = true
	of := structure{name: name, atomic: slices.Contains(from.markers, "structType=atomic") || slices.Contains(from.markers, "mapType=atomic")}
	s.fields(from, "", &of)
	s.found = append(s.found, of)
	return name
}

// fields takes in those of a struct that is the whole of another one, or is embedded in it.
func (s *sources) fields(from declaration, embedded string, of *structure) {
	for _, one := range from.spec.Type.(*ast.StructType).Fields.List {
		tag := reflect.StructTag("")
		if one.Tag != nil {
			tag = reflect.StructTag(strings.Trim(one.Tag.Value, "`"))
		}
		options := strings.Split(tag.Get("json"), ",")
		if len(one.Names) == 0 && options[0] == "" { // an inlined struct
			inlined := s.named(one.Type, from)
			s.fields(inlined, inlined.spec.Name.Name, of)
			continue
		}
		about := markers(one.Doc)
		row := field{name: options[0], patch: patch(of.name, tag), spelt: s.spelt(one.Type, from), embedded: embedded}
		row.shape, row.of = s.shape(one.Type, from, about)
		_, pointer := one.Type.(*ast.StarExpr)
		// encoding/json never takes a struct for empty.
		nested := strings.HasPrefix(row.shape, "Nested") || row.shape == "Opaque" || row.shape == "Quantity" || row.shape == "IntOrString"
		switch {
		case pointer:
			row.wire = "Pointer"
		case slices.Contains(options, "omitzero"), slices.Contains(options, "omitempty") && !nested:
			row.wire = "OmitEmpty"
		default:
			row.wire = "Always"
		}
		of.fields = append(of.fields, row)
	}
}

func patch(owner string, tag reflect.StructTag) string {
	key, strategy := tag.Get("patchMergeKey"), tag.Get("patchStrategy")
	switch {
	case strategy == "":
		return "Plain"
	case strategy == "retainKeys":
		return "Retain"
	case strategy == "merge,retainKeys" && key != "":
		return fmt.Sprintf("KeyRetain(%q)", key)
	case strategy == "merge" && key != "":
		return fmt.Sprintf("Key(%q)", key)
	case strategy == "merge":
		return "Scalars"
	}
	log.Fatalf("%s: patch strategy %q is not known", owner, strategy)
	return ""
}

// named gives the declaration that an expression in the text of another one names.
func (s *sources) named(expression ast.Expr, in declaration) declaration {
	switch one := expression.(type) {
	case *ast.Ident:
		return s.find(in.path, one.Name)
	case *ast.SelectorExpr:
		return s.find(in.imports[one.X.(*ast.Ident).Name], one.Sel.Name)
	}
	log.Fatalf("%s: %T names no type", in.spec.Name.Name, expression)
	return declaration{}
}

// spelt gives a type as Go's reflection writes it, without the pointer around it: v1.PullPolicy, []v1.Capability, map[string]string.
func (s *sources) spelt(expression ast.Expr, in declaration) string {
	switch one := expression.(type) {
	case *ast.StarExpr:
		return s.spelt(one.X, in)
	case *ast.ArrayType:
		return "[]" + s.spelt(one.Elt, in)
	case *ast.MapType:
		return fmt.Sprintf("map[%s]%s", s.spelt(one.Key, in), s.spelt(one.Value, in))
	case *ast.Ident:
		if slices.Contains([]string{"string", "bool", "int", "int32", "int64"}, one.Name) {
			return one.Name
		}
	}
	target := s.named(expression, in)
	return target.path[strings.LastIndex(target.path, "/")+1:] + "." + target.spec.Name.Name
}

// shape gives what a value is, and the struct that it leads to. The markers are those of the field.
func (s *sources) shape(expression ast.Expr, in declaration, about []string) (text, of string) {
	switch one := expression.(type) {
	case *ast.StarExpr:
		return s.shape(one.X, in, about)
	case *ast.ArrayType:
		item, of := s.shape(one.Elt, in, nil)
		return fmt.Sprintf("List(%s, &%s)", listKind(about), item), of
	case *ast.MapType:
		value, of := s.shape(one.Value, in, nil)
		if slices.Contains(about, "mapType=atomic") {
			return fmt.Sprintf("AtomicMap(&%s)", value), of
		}
		return fmt.Sprintf("Map(&%s)", value), of
	case *ast.Ident:
		switch one.Name {
		case "string":
			return "Text", ""
		case "bool":
			return "Boolean", ""
		case "int", "int32", "int64":
			return "Integer", ""
		}
	}
	target := s.named(expression, in)
	switch name := target.spec.Name.Name; name {
	case "Quantity", "IntOrString":
		return name, ""
	case "Time", "MicroTime", "FieldsV1":
		return "Opaque", ""
	}
	if _, ok := target.spec.Type.(*ast.StructType); !ok {
		return s.shape(target.spec.Type, target, about)
	}
	name := s.structure(target)
	if atomic := slices.Contains(about, "structType=atomic"); atomic && !slices.Contains(target.markers, "structType=atomic") {
		log.Fatalf("%s is atomic by field only: the table has no room for that", name)
	}
	return fmt.Sprintf("Nested(&%s)", constant(name)), name
}

func listKind(about []string) string {
	var keys []string
	kind := ""
	for _, word := range about {
		if key, ok := strings.CutPrefix(word, "listMapKey="); ok {
			keys = append(keys, fmt.Sprintf("%q", key))
		}
		if named, ok := strings.CutPrefix(word, "listType="); ok {
			kind = named
		}
	}
	switch kind {
	case "map":
		return fmt.Sprintf("Keyed(&[%s])", strings.Join(keys, ", "))
	case "set":
		return "Set"
	}
	return "Atomic"
}
