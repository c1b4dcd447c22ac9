// JSON as it is written: objects keep their order, numbers their literals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::schema {

enum class Kind : std::uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

struct Member;

struct Value {
  Kind kind = Kind::kNull;
  std::uint32_t count = 0;  // of items or members
  std::string_view text;    // a number's literal; a string's characters in UTF-8, lone surrogates as three bytes
  const Value* first_item = nullptr;
  const Member* first_member = nullptr;

  bool is_object() const { return kind == Kind::kObject; }
  bool is_array() const { return kind == Kind::kArray; }
  bool is_string() const { return kind == Kind::kString; }
  bool is_number() const { return kind == Kind::kNumber; }
  bool is_boolean() const { return kind == Kind::kTrue || kind == Kind::kFalse; }
  bool is_schema() const { return is_object() || is_boolean(); }

  // Iteration over an array's items and an object's members.
  struct Items {
    const Value* first;
    std::uint32_t count;
    const Value* begin() const { return first; }
    const Value* end() const;
  };
  struct Members {
    const Member* first;
    std::uint32_t count;
    const Member* begin() const { return first; }
    const Member* end() const;
  };
  Items items() const { return {first_item, kind == Kind::kArray ? count : 0}; }
  Members members() const { return {first_member, kind == Kind::kObject ? count : 0}; }
  const Value* find(std::string_view key) const;  // null where there is none
};

struct Member {
  std::string_view key;
  Value value;
};

inline const Value* Value::Items::end() const { return first + count; }
inline const Member* Value::Members::end() const { return first + count; }

// A parsed text; owns what its values point to.
class JsonText {
 public:
  enum class Reading : std::uint8_t { kStrict, kLenient };

  // Throws SchemaError for what is not JSON (with line and column) and, unless lenient, for an object with a key twice
  // and for numbers whose size or precision is beyond 1e1000.
  explicit JsonText(std::string source, Reading reading = Reading::kStrict);
  JsonText(const JsonText&) = delete;
  JsonText& operator=(const JsonText&) = delete;

  const Value& root() const { return root_; }
  const std::string& source() const { return source_; }

 private:
  friend class Reader;
  std::string source_;
  std::pmr::monotonic_buffer_resource memory_;
  Value root_;
};

// Values nested deeper are refused: what recurses over them later relies on it.
inline constexpr std::size_t kMaxNesting = 1000;

// The value as JSON text in ASCII without blanks; cut off after `limit` bytes, as for messages.
std::string to_json(const Value& value, std::size_t limit = 400);
// A string as JSON text, ASCII only.
std::string quoted(std::string_view characters);
// Appends a code point in UTF-8, surrogates as if they were characters.
void append_utf8(std::string& out, std::uint32_t code_point);
// The code points of a string of the above kind.
std::vector<std::uint32_t> code_points(std::string_view characters);
bool has_surrogate(std::string_view characters);
std::size_t length_in_code_points(std::string_view characters);

}  // namespace tamis::schema
