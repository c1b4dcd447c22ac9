// Sets of strings: lengths, patterns, formats and constants, closed under conjunction and complement.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tamis::schema {

using StringId = std::int32_t;
// Something regular that a string is asked for: a pattern, a format, or being in one of several shapes; see Patterns.
using AtomId = std::int32_t;

// The strings that a schema mentions, by number.
class StringPool {
 public:
  StringId id(std::string_view text);  // `text` must outlive the pool
  std::string_view text(StringId id) const { return texts_[static_cast<std::size_t>(id)]; }
  std::int64_t length(StringId id) const { return lengths_[static_cast<std::size_t>(id)]; }  // in code points

 private:
  std::unordered_map<std::string_view, StringId> ids_;
  std::vector<std::string_view> texts_;
  std::vector<std::int64_t> lengths_;
};

struct StringShape;
using StringUnion = const std::vector<StringShape>*;

// What deciding about strings needs from outside.
class StringOracle {
 public:
  virtual ~StringOracle() = default;
  virtual bool matches(AtomId atom, StringId text) = 0;
  virtual bool no_strings(const StringShape& shape) = 0;  // of a shape without constants
  virtual AtomId atom_of(StringUnion shapes) = 0;
  virtual const StringPool& strings() const = 0;
};

// Strings of `min_length` to `max_length` (-1: any) code points for which each atom holds or not, as its flag says.
// With `constants`, only those; all of them have an admitted length and none is in `excluded`.
struct StringShape {
  std::int64_t min_length = 0;
  std::int64_t max_length = -1;
  std::vector<std::pair<AtomId, bool>> atoms;
  std::shared_ptr<const std::vector<StringId>> constants;
  std::vector<StringId> excluded;

  bool operator==(const StringShape& other) const;

  static StringShape of(std::vector<StringId> constants);

  // Strings in both; none where that is plainly no string.
  static std::optional<StringShape> meet(const StringShape& first, const StringShape& second, const StringPool& pool);
  // Shapes whose union is every other string.
  std::vector<StringShape> complement() const;
  bool admits(StringId text, StringOracle& oracle) const;
  bool is_empty(StringOracle& oracle) const;
};

// The same union with all plain constants in one shape.
std::vector<StringShape> merged(std::vector<StringShape> shapes);
// Strings in both unions.  Strings are regular: unlike arrays and objects, nothing needs to be multiplied out.
std::vector<StringShape> meet_unions(StringUnion first, StringUnion second, StringOracle& oracle);
// Every other string.
std::vector<StringShape> complement_union(StringUnion shapes, StringOracle& oracle);

// Appends what is not there yet, in order.
template <typename T>
void append_new(std::vector<T>& into, const std::vector<T>& items);

}  // namespace tamis::schema
