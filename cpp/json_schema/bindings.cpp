#include "bindings.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

namespace nb = nanobind;

namespace tamis::schema {
namespace {

[[noreturn]] void raise(const SchemaError& error) {
  const nb::object type = nb::module_::import_("tamis.grammars.errors").attr("GrammarError");
  nb::dict parts;
  const auto put = [&](const char* name, const std::optional<std::string>& value) {
    // Cut off within a character, a text is no UTF-8 any more.
    if (value) parts[name] = nb::steal(PyUnicode_DecodeUTF8(value->data(), static_cast<Py_ssize_t>(value->size()), "replace"));
  };
  put("pointer", error.pointer);
  put("text", error.text);
  put("hint", error.hint);
  if (error.line > 0) parts["line"] = error.line;
  if (error.column > 0) parts["column"] = error.column;
  const std::string message = error.what();
  const nb::object text = nb::steal(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
  PyErr_SetObject(type.ptr(), type(text, **parts).ptr());
  throw nb::python_error();
}

}  // namespace

Options options_of(const std::string& property_order, const std::string& whitespace, bool assert_formats, bool labels) {
  Options options;
  options.order = property_order == "any" ? Order::kAny : Order::kDeclared;
  options.whitespace = whitespace == "any"       ? Whitespace::kAny
                       : whitespace == "compact" ? Whitespace::kCompact
                                                 : Whitespace::kFlexible;
  options.assert_formats = assert_formats;
  options.labels = labels;
  return options;
}

std::string canonical_text(std::string source) {
  try {
    const JsonText text(std::move(source));
    return to_json(text.root(), std::string::npos);
  } catch (const SchemaError& error) {
    raise(error);
  }
}

NodeId lower_schema(Grammar& grammar, std::string source, std::optional<std::string> resources, const Options& options,
                    const nb::callable& patterns, const nb::callable& fetch, const FragmentOf& fragment_of) {
  const auto lower = [&](const std::string& kind, const std::string& text, Codec codec,
                         const std::string& pointer) -> std::optional<Fragment> {
    const nb::object characters =
        nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogatepass"));
    if (!characters.is_valid()) throw nb::python_error();
    const nb::object made = patterns(kind, characters, static_cast<int>(codec), pointer);
    if (made.is_none()) return std::nullopt;
    const auto [builder, node] = nb::cast<std::pair<nb::object, NodeId>>(made);
    return fragment_of(builder, node);
  };
  const auto text_of = [&](const std::string& uri) { return nb::cast<std::optional<std::string>>(fetch(uri)); };
  try {
    return lower_schema(grammar, std::move(source), std::move(resources), options, lower, text_of);
  } catch (const SchemaError& error) {
    raise(error);
  }
}

}  // namespace tamis::schema
