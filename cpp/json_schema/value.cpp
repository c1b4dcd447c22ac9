#include "value.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <unordered_set>

#include "error.hpp"

namespace tamis::schema {
namespace {

constexpr int kMaxExponent = 1000;

int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

// Reads one text with a stack of its own, so that nesting is no danger.
class Reader {
 public:
  Reader(JsonText& text, bool lenient) : text_(text), source_(text.source_), lenient_(lenient) {}

  Value read() {
    for (;;) {
      skip_blanks();
      Value value;
      if (!open_or_scalar(value)) continue;
      // A value ended; so may the arrays and objects around it.
      for (;;) {
        if (open_.empty()) {
          skip_blanks();
          if (at_ < source_.size()) fail("there is more after the value");
          return value;
        }
        if (!put(value)) break;
        value = close();
      }
    }
  }

 private:
  struct Open {
    bool is_object;
    std::size_t first;  // in values_
    std::string_view key;
  };

  [[noreturn]] void fail_at(std::size_t at, const std::string& message, std::optional<std::string> text = {}) const {
    SchemaError error(message);
    const std::size_t begin = at == 0 ? 0 : source_.rfind('\n', at - 1) + 1;
    error.line = static_cast<std::size_t>(std::count(source_.begin(), source_.begin() + begin, '\n')) + 1;
    error.column = length_in_code_points(std::string_view(source_).substr(begin, at - begin)) + 1;
    if (!text) {
      std::string line = source_.substr(begin, std::min(source_.find('\n', begin), begin + 300) - begin);
      while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0U) == 0x80U) line.pop_back();
      if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xC0U) line.pop_back();
      text = std::move(line);
    }
    error.text = std::move(text);
    throw error;
  }
  [[noreturn]] void fail(const std::string& what) const { fail_at(at_, "not JSON: " + what); }

  char peek() const { return at_ < source_.size() ? source_[at_] : '\0'; }
  void skip_blanks() {
    while (at_ < source_.size() &&
           (source_[at_] == ' ' || source_[at_] == '\n' || source_[at_] == '\r' || source_[at_] == '\t')) {
      ++at_;
    }
  }

  // Whether a whole value was read; otherwise a bracket was opened and its first value is next.
  bool open_or_scalar(Value& value) {
    switch (peek()) {
      case '{':
      case '[': {
        const bool is_object = peek() == '{';
        if (open_.size() >= kMaxNesting) throw SchemaError("the schema is nested too deeply");
        ++at_;
        open_.push_back({is_object, values_.size(), {}});
        skip_blanks();
        if (peek() == (is_object ? '}' : ']')) {
          ++at_;
          value = close();
          return true;
        }
        if (is_object) read_key();
        return false;
      }
      case '"':
        value.kind = Kind::kString;
        value.text = read_string();
        return true;
      case 't':
        return word("true", Kind::kTrue, value);
      case 'f':
        return word("false", Kind::kFalse, value);
      case 'n':
        return word("null", Kind::kNull, value);
      default:
        return read_number(value);
    }
  }

  bool word(std::string_view expected, Kind kind, Value& value) {
    if (source_.compare(at_, expected.size(), expected) != 0) fail("a value is expected");
    at_ += expected.size();
    value.kind = kind;
    return true;
  }

  // Puts a value where it belongs; whether its array or object ends here.
  bool put(const Value& value) {
    Open& open = open_.back();
    values_.push_back({open.key, value});
    skip_blanks();
    const char c = peek();
    if (c == (open.is_object ? '}' : ']')) {
      ++at_;
      return true;
    }
    if (c != ',') fail(open.is_object ? "',' or '}' is expected" : "',' or ']' is expected");
    ++at_;
    if (open.is_object) {
      skip_blanks();
      read_key();
    }
    return false;
  }

  void read_key() {
    if (peek() != '"') fail("a key in double quotes is expected");
    open_.back().key = read_string();
    skip_blanks();
    if (peek() != ':') fail("':' is expected");
    ++at_;
  }

  Value close() {
    const Open open = open_.back();
    open_.pop_back();
    const std::size_t count = values_.size() - open.first;
    Value value;
    value.count = static_cast<std::uint32_t>(count);
    const Member* first = values_.data() + open.first;
    if (open.is_object) {
      value.kind = Kind::kObject;
      if (!lenient_) refuse_repeated(first, count);
      auto* members = static_cast<Member*>(text_.memory_.allocate(count * sizeof(Member), alignof(Member)));
      std::uninitialized_copy(first, first + count, members);
      value.first_member = members;
    } else {
      value.kind = Kind::kArray;
      auto* items = static_cast<Value*>(text_.memory_.allocate(count * sizeof(Value), alignof(Value)));
      for (std::size_t i = 0; i < count; ++i) new (items + i) Value(first[i].value);
      value.first_item = items;
    }
    values_.resize(open.first);
    return value;
  }

  static void refuse_repeated(const Member* first, std::size_t count) {
    const auto refuse = [](std::string_view key) {
      throw SchemaError("the key " + quoted(key) + " occurs twice in one object of the schema");
    };
    if (count <= 16) {
      for (std::size_t i = 1; i < count; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (first[i].key == first[j].key) refuse(first[i].key);
        }
      }
      return;
    }
    std::unordered_set<std::string_view> keys;
    keys.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (!keys.insert(first[i].key).second) refuse(first[i].key);
    }
  }

  std::string_view read_string() {
    const std::size_t begin = ++at_;
    while (at_ < source_.size() && source_[at_] != '"' && source_[at_] != '\\' &&
           static_cast<unsigned char>(source_[at_]) >= 0x20) {
      ++at_;
    }
    if (peek() == '"') {
      const std::string_view plain = std::string_view(source_).substr(begin, at_ - begin);
      ++at_;
      return plain;
    }
    std::string decoded = source_.substr(begin, at_ - begin);
    for (;;) {
      if (at_ >= source_.size()) fail("a string does not end");
      const char c = source_[at_];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) fail("a string holds a control character");
      if (c != '\\') {
        decoded.push_back(c);
        ++at_;
        continue;
      }
      ++at_;
      read_escape(decoded);
    }
    ++at_;
    auto* copy = static_cast<char*>(text_.memory_.allocate(decoded.size() + 1, 1));
    std::memcpy(copy, decoded.data(), decoded.size());
    return {copy, decoded.size()};
  }

  void read_escape(std::string& out) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char c = peek();
    if (const auto known = kLetters.find(c); at_ < source_.size() && known != std::string_view::npos) {
      out.push_back(kMeanings[known]);
      ++at_;
      return;
    }
    if (c != 'u') fail("an escape that JSON does not have");
    std::uint32_t unit = code_unit();
    if (unit >= 0xD800 && unit <= 0xDBFF && source_.compare(at_, 2, "\\u") == 0) {
      const std::size_t before = at_;
      ++at_;
      const std::uint32_t low = code_unit();
      if (low >= 0xDC00 && low <= 0xDFFF) {
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
      } else {
        at_ = before;
      }
    }
    append_utf8(out, unit);
  }

  std::uint32_t code_unit() {
    std::uint32_t unit = 0;
    ++at_;
    for (int i = 0; i < 4; ++i) {
      const int digit = hexadecimal(peek());
      if (digit < 0) fail("\\u takes four hexadecimal digits");
      unit = unit * 16 + static_cast<std::uint32_t>(digit);
      ++at_;
    }
    return unit;
  }

  bool read_number(Value& value) {
    for (const std::string_view name : {"NaN", "Infinity", "-Infinity"}) {
      if (source_.compare(at_, name.size(), name) == 0) {
        fail_at(at_, std::string(name) + " is not JSON", std::string(name));
      }
    }
    const std::size_t begin = at_;
    const auto digits = [&] {
      const std::size_t first = at_;
      while (is_digit(peek())) ++at_;
      return at_ - first;
    };
    if (peek() == '-') ++at_;
    const std::size_t whole_at = at_;
    const std::size_t whole = digits();
    if (whole == 0 || (whole > 1 && source_[whole_at] == '0')) {
      at_ = begin;
      fail("a value is expected");
    }
    std::size_t fraction = 0;
    if (peek() == '.') {
      ++at_;
      fraction = digits();
      if (fraction == 0) fail("a digit is expected");
    }
    const std::size_t mantissa_end = at_;
    long long exponent = 0;
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      const std::size_t exponent_at = at_;
      if (digits() == 0) fail("a digit is expected");
      const auto result = std::from_chars(source_.data() + exponent_at, source_.data() + at_, exponent);
      if (result.ec != std::errc() || exponent > 1'000'000'000) exponent = 1'000'000'000;
      if (source_[exponent_at - 1] == '-') exponent = -exponent;
    }
    const std::string_view literal = std::string_view(source_).substr(begin, at_ - begin);
    if (!lenient_)
      refuse_extreme(begin, literal, std::string_view(source_).substr(whole_at, mantissa_end - whole_at), exponent);
    value.kind = Kind::kNumber;
    value.text = literal;
    return true;
  }

  // The first and the last digit other than 0 must lie within 10 to the power of +-kMaxExponent.
  void refuse_extreme(std::size_t at, std::string_view literal, std::string_view mantissa, long long exponent) const {
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    const std::size_t first = mantissa.find_first_not_of("0.");
    if (first == std::string_view::npos) return;
    const std::size_t last = mantissa.find_last_not_of("0.");
    const auto power = [&](std::size_t place) {
      const auto offset = static_cast<long long>(point) - static_cast<long long>(place);
      return exponent + (offset > 0 ? offset - 1 : offset);
    };
    if (std::max(power(first), -power(last)) > kMaxExponent || -power(first) > kMaxExponent) {
      fail_at(at,
              "numbers go from 1e-" + std::to_string(kMaxExponent) + " to 1e" + std::to_string(kMaxExponent) +
                  ", with as many digits",
              std::string(literal.substr(0, 100)));
    }
  }

  JsonText& text_;
  const std::string& source_;
  bool lenient_;
  std::size_t at_ = 0;
  std::vector<Open> open_;
  std::vector<Member> values_;
};

JsonText::JsonText(std::string source, Reading reading)
    : source_(std::move(source)), memory_(std::min<std::size_t>(source_.size() * 4 + 256, 1U << 20)) {
  root_ = Reader(*this, reading == Reading::kLenient).read();
}

const Value* Value::find(std::string_view key) const {
  for (const Member& member : members()) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::vector<std::uint32_t> code_points(std::string_view characters) {
  std::vector<std::uint32_t> out;
  out.reserve(characters.size());
  for (std::size_t i = 0; i < characters.size();) {
    const auto lead = static_cast<unsigned char>(characters[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    std::uint32_t c = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < characters.size(); ++k) {
      c = c << 6 | (static_cast<unsigned char>(characters[i + k]) & 0x3FU);
    }
    out.push_back(c);
    i += length;
  }
  return out;
}

bool has_surrogate(std::string_view characters) {
  for (std::size_t at = characters.find('\xED'); at != std::string_view::npos; at = characters.find('\xED', at + 1)) {
    if (at + 1 < characters.size() && static_cast<unsigned char>(characters[at + 1]) >= 0xA0) return true;
  }
  return false;
}

std::size_t length_in_code_points(std::string_view characters) {
  return static_cast<std::size_t>(std::count_if(
      characters.begin(), characters.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string quoted(std::string_view characters) {
  std::string out = "\"";
  const auto unit = [&](std::uint32_t value) {
    static constexpr char kDigits[] = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out.push_back(kDigits[(value >> shift) & 15U]);
  };
  static constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
  for (const std::uint32_t c : code_points(characters)) {
    if (const auto at = c < 0x80 ? kShort.find(static_cast<char>(c)) : std::string_view::npos;
        at != std::string_view::npos) {
      out.push_back('\\');
      out.push_back("\"\\bfnrt"[at]);
    } else if (c >= 0x20 && c < 0x7F) {
      out.push_back(static_cast<char>(c));
    } else if (c < 0x10000) {
      unit(c);
    } else {
      unit(0xD800 + ((c - 0x10000) >> 10));
      unit(0xDC00 + ((c - 0x10000) & 0x3FF));
    }
  }
  out.push_back('"');
  return out;
}

namespace {

void write(const Value& value, std::size_t limit, std::string& out) {
  if (out.size() > limit) return;
  switch (value.kind) {
    case Kind::kNull:
      out += "null";
      break;
    case Kind::kFalse:
      out += "false";
      break;
    case Kind::kTrue:
      out += "true";
      break;
    case Kind::kNumber:
      out += value.text;
      break;
    case Kind::kString:
      out += quoted(value.text);
      break;
    case Kind::kArray: {
      const char* joint = "[";
      for (const Value& item : value.items()) {
        out += joint;
        write(item, limit, out);
        joint = ",";
      }
      out += value.count == 0 ? "[]" : "]";
      break;
    }
    case Kind::kObject: {
      const char* joint = "{";
      for (const Member& member : value.members()) {
        out += joint;
        out += quoted(member.key);
        out += ":";
        write(member.value, limit, out);
        joint = ",";
      }
      out += value.count == 0 ? "{}" : "}";
      break;
    }
  }
}

}  // namespace

std::string to_json(const Value& value, std::size_t limit) {
  std::string out;
  write(value, limit, out);
  if (out.size() > limit) out.resize(limit);
  return out;
}

}  // namespace tamis::schema
