#include "bindings.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <cmath>
#include <vector>

namespace nb = nanobind;

namespace tamis::schema {
namespace {

[[noreturn]] void raise(const SchemaError& error) {
  const nb::object type = nb::module_::import_("tamis.grammars.errors").attr("GrammarError");
  nb::dict parts;
  const auto put = [&](const char* name, const std::optional<std::string>& value) {
    // Cut off within a character, a text is no UTF-8 any more.
    if (value)
      parts[name] = nb::steal(PyUnicode_DecodeUTF8(value->data(), static_cast<Py_ssize_t>(value->size()), "replace"));
  };
  put("pointer", error.pointer);
  put("text", error.text);
  put("hint", error.hint);
  if (error.line > 0) parts["line"] = error.line;
  if (error.column > 0) parts["column"] = error.column;
  const std::string message = error.what();
  const nb::object text =
      nb::steal(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
  PyErr_SetObject(type.ptr(), type(text, **parts).ptr());
  throw nb::python_error();
}

// Writes a Python value as JSON, as Python's json module would, but for keys that are no strings.
class Writer {
 public:
  explicit Writer(std::string what) : what_(std::move(what)) {}

  std::string text(const nb::handle& value) {
    write(value);
    return std::move(out_);
  }

 private:
  struct Step {
    nb::object key;
    std::size_t index;
  };

  void write(const nb::handle& value) {
    if (path_.size() > kMaxNesting) raise(SchemaError("the " + what_ + " is nested too deeply"));
    PyObject* object = value.ptr();
    if (object == Py_None) {
      out_ += "null";
    } else if (object == Py_True) {
      out_ += "true";
    } else if (object == Py_False) {
      out_ += "false";
    } else if (PyUnicode_Check(object)) {
      write_string(value);
    } else if (PyLong_Check(object)) {
      write_number(nb::steal(PyNumber_ToBase(object, 10)));
    } else if (PyFloat_Check(object)) {
      write_float(PyFloat_AsDouble(object));
    } else if (PyList_Check(object) || PyTuple_Check(object)) {
      write_items(nb::borrow<nb::sequence>(value));
    } else if (PyDict_Check(object)) {
      write_members(nb::borrow<nb::dict>(value));
    } else if (value.type().is(nb::module_::import_("decimal").attr("Decimal")) &&
               nb::cast<bool>(value.attr("is_finite")())) {
      write_number(nb::str(value));
    } else {
      const std::string type = nb::cast<std::string>(nb::handle(value.type()).attr("__name__"));
      refuse("Object of type " + type + " is not JSON serializable");
    }
  }

  [[noreturn]] void refuse(const std::string& why) const {
    raise(SchemaError("the " + what_ + " cannot be written as JSON: " + why));
  }

  void write_string(const nb::handle& value) {
    const nb::object bytes = nb::steal(PyUnicode_AsEncodedString(value.ptr(), "utf-8", "surrogatepass"));
    if (!bytes.is_valid()) throw nb::python_error();
    out_ += quoted({PyBytes_AsString(bytes.ptr()), static_cast<std::size_t>(PyBytes_Size(bytes.ptr()))});
  }

  void write_number(const nb::object& digits) {
    if (!digits.is_valid()) {  // thousands of digits
      PyErr_Clear();
      refuse("an integer of so many digits");
    }
    out_ += nb::cast<std::string>(digits);
  }

  void write_float(double value) {
    if (!std::isfinite(value)) refuse("Out of range float values are not JSON compliant");
    char* digits = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, nullptr);
    if (digits == nullptr) throw nb::python_error();
    out_ += digits;
    PyMem_Free(digits);
  }

  void write_items(const nb::sequence& items) {
    out_.push_back('[');
    path_.push_back({nb::object(), 0});
    for (const nb::handle item : items) {
      if (path_.back().index++ > 0) out_.push_back(',');
      write(item);
    }
    path_.pop_back();
    out_.push_back(']');
  }

  void write_members(const nb::dict& members) {
    out_.push_back('{');
    bool first = true;
    for (const auto& [key, item] : members) {
      if (!PyUnicode_Check(key.ptr())) {
        raise(
            SchemaError("a key of the " + what_ + " is not a string", pointer(), nb::cast<std::string>(nb::repr(key))));
      }
      if (!first) out_.push_back(',');
      first = false;
      write_string(key);
      out_.push_back(':');
      path_.push_back({nb::borrow(key), 0});
      write(item);
      path_.pop_back();
    }
    out_.push_back('}');
  }

  std::string pointer() const {
    std::string out;
    for (const Step& step : path_) {
      out += "/" + (step.key.is_valid() ? escaped(nb::cast<std::string>(step.key)) : std::to_string(step.index - 1));
    }
    return out;
  }

  std::string what_;
  std::string out_;
  std::vector<Step> path_;
};

}  // namespace

std::string text_of(const nb::handle& value, const std::string& what) { return Writer(what).text(value); }

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
