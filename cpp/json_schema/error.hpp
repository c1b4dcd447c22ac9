// What a schema can be refused for: the one error of this folder.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace tamis::schema {

// `pointer` is the JSON pointer of the place, `text` the offending piece, `hint` the way out; line and column count
// from 1 (0: unknown).
struct SchemaError : std::runtime_error {
  explicit SchemaError(const std::string& message) : std::runtime_error(message) {}
  SchemaError(const std::string& message, std::optional<std::string> pointer, std::optional<std::string> text = {},
              std::optional<std::string> hint = {})
      : std::runtime_error(message), pointer(std::move(pointer)), text(std::move(text)), hint(std::move(hint)) {}

  std::optional<std::string> pointer;
  std::optional<std::string> text;
  std::optional<std::string> hint;
  std::size_t line = 0;
  std::size_t column = 0;
};

// Keywords that no form here says together; becomes a SchemaError at the keyword that asked for it.
struct NotExpressible : std::runtime_error {
  explicit NotExpressible(const std::string& what) : std::runtime_error(what) {}
  std::optional<std::string> pointer;  // of the keyword, once that is known
  std::string keyword;

  SchemaError refusal() const {
    return SchemaError(keyword + " is not supported here: it would take " + what(), pointer, {},
                       "a stricter schema that says the same without it compiles");
  }
};

// Bounds the work that one schema may cause: every step of a loop that a schema can make long is paid for.
class Budget {
 public:
  void spend(std::size_t steps = 1) {
    if (steps > left_) throw SchemaError("the schema combines into more cases than can be worked out");
    left_ -= steps;
  }

 private:
  std::size_t left_ = 20'000'000;
};

}  // namespace tamis::schema
