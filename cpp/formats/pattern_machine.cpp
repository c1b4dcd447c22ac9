#include "pattern_machine.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "../automaton/interner.hpp"

namespace tamis::formats {
namespace {

using Text = std::u32string;
using View = std::u32string_view;
using Name = std::uint32_t;
using Names = std::vector<Name>;  // sorted

constexpr std::uint32_t kManyGroups = 0xFFFFFFFF;  // more than any text has
constexpr std::uint32_t kLastCharacter = 0x10FFFF;

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_letter(char32_t c) { return (c | 0x20U) >= U'a' && (c | 0x20U) <= U'z'; }
bool is_hex(char32_t c) { return is_digit(c) || ((c | 0x20U) >= U'a' && (c | 0x20U) <= U'f'); }
std::uint32_t hex_value(char32_t c) { return is_digit(c) ? c - U'0' : (c | 0x20U) - U'a' + 10; }
bool is_lead(std::uint32_t c) { return c >= 0xD800 && c < 0xDC00; }
bool is_trail(std::uint32_t c) { return c >= 0xDC00 && c < 0xE000; }
std::uint32_t paired(std::uint32_t lead, std::uint32_t trail) {
  return 0x10000 + ((lead - 0xD800) << 10) + (trail - 0xDC00);
}
bool among(char32_t c, View characters) { return characters.find(c) != View::npos; }
bool is_in(std::uint32_t c, const PatternTables::Ranges& ranges) {
  const auto behind = std::upper_bound(ranges.begin(), ranges.end(), std::pair{c, kManyGroups});
  return behind != ranges.begin() && std::prev(behind)->second >= c;
}

void include(Names& names, Name name) {
  const auto place = std::lower_bound(names.begin(), names.end(), name);
  if (place == names.end() || *place != name) names.insert(place, name);
}
Names united(const Names& a, const Names& b) {
  Names all;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  return all;
}
bool has(const Names& names, Name name) { return std::binary_search(names.begin(), names.end(), name); }

// A disjunction under way.
struct Level {
  bool looks = false;  // around: may not be repeated
  Names here, before;  // the names of groups in this alternative, and in those before it
};

// What was read last in a set, and may begin a range.
enum class Last : std::uint32_t { kNothing, kCharacter, kSet };

struct Place {
  Text lexeme;              // that is not over, or may go on
  bool repeatable = false;  // a quantifier may follow
  std::uint32_t groups = 0;
  std::uint32_t needed = 0;  // groups, for back-references by number
  Names wanted;              // by back-references
  std::vector<Level> levels{1};

  bool in_set = false;
  Last last = Last::kNothing;
  std::uint32_t last_character = 0;
  bool dashed = false;     // a - stands behind the last one
  std::uint32_t lead = 0;  // a surrogate that another may complete, 0 for none
};

class PatternMachine final : public CharacterMachine {
 public:
  explicit PatternMachine(std::shared_ptr<const PatternTables> tables) : tables_(std::move(tables)) {}

  State start() override { return interned({}); }

  State step(State state, char32_t character) override {
    Place place = read(state);
    return go_on(place, character) ? interned(place) : Machine::kDead;
  }

  bool is_complete(State state) override {
    const Place place = read(state);
    const View lexeme = place.lexeme;
    if (place.levels.size() > 1 || place.in_set) return false;
    if (!lexeme.empty() && lexeme != U"*" && !is_number(lexeme)) return false;
    if (std::max(place.needed, is_number(lexeme) ? number(lexeme) : 0) > place.groups) return false;
    const Level& level = place.levels[0];
    return std::all_of(place.wanted.begin(), place.wanted.end(),
                       [&](Name name) { return has(level.here, name) || has(level.before, name); });
  }

  std::size_t memory_bytes() const override { return states_.memory_bytes() + names_.memory_bytes(); }

 private:
  // Each of these returns whether the text may still become a pattern.

  bool go_on(Place& place, char32_t c) {
    if (place.lexeme.empty()) return begin(place, c);
    switch (place.lexeme[0]) {
      case U'\\':
        return escape(place, c);
      case U'(':
        return open(place, c);
      case U'{':
        return bounds(place, c);
      case U'*':  // any quantifier
        place.lexeme.clear();
        return c == U'?' || begin(place, c);
      default:  // [
        place.lexeme.clear();
        return c == U'^' || begin(place, c);
    }
  }

  bool begin(Place& place, char32_t c) {
    if (c == U'\\') {
      place.lexeme = c;
      place.repeatable = false;
      return true;
    }
    if (place.in_set) return begin_in_set(place, c);
    const bool repeatable = std::exchange(place.repeatable, false);
    Level& level = place.levels.back();
    switch (c) {
      case U'(':
        place.lexeme = c;
        return true;
      case U'[':
        place.lexeme = c;
        place.in_set = true;
        return true;
      case U'{':
        place.lexeme = c;
        return repeatable;
      case U'*':
      case U'+':
      case U'?':
        place.lexeme = U'*';
        return repeatable;
      case U'|':
        level.before = united(level.before, level.here);
        level.here.clear();
        return true;
      case U')':
        return close(place);
      case U']':
      case U'}':
        return false;
      case U'^':
      case U'$':
        return true;
      default:
        place.repeatable = true;
        return true;
    }
  }

  // Sets

  bool begin_in_set(Place& place, char32_t c) {
    if (!end_lead(place)) return false;
    if (c == U']') {
      place.in_set = place.dashed = false;
      place.last = Last::kNothing;
      place.last_character = 0;
      place.repeatable = true;
      return true;
    }
    if (c == U'-' && place.last != Last::kNothing && !place.dashed) return place.dashed = true;
    return member(place, Last::kCharacter, c);
  }

  static bool member(Place& place, Last kind, std::uint32_t character) {
    if (!std::exchange(place.dashed, false)) {
      place.last = kind;
      place.last_character = character;
      return true;
    }
    const bool ordered = kind == Last::kCharacter && place.last == kind && place.last_character <= character;
    place.last = Last::kNothing;
    place.last_character = 0;
    return ordered;
  }

  static bool end_lead(Place& place) {
    const std::uint32_t lead = std::exchange(place.lead, 0);
    return lead == 0 || member(place, Last::kCharacter, lead);
  }

  // Whether a range that was begun may end with a character up to this one.
  static bool may_end(const Place& place, std::uint32_t greatest) {
    return !place.dashed || (place.last == Last::kCharacter && place.last_character <= greatest);
  }

  // Escapes

  // What an escape stands for.
  bool escaped(Place& place, Last kind, std::uint32_t character = 0) {
    place.lexeme.clear();
    if (place.in_set) return member(place, kind, character);
    return place.repeatable = true;
  }

  static bool is_number(View lexeme) { return lexeme.size() > 1 && lexeme[0] == U'\\' && is_digit(lexeme[1]); }
  static std::uint32_t number(View lexeme) {
    std::uint64_t value = 0;
    for (const char32_t digit : lexeme.substr(1))
      value = std::min<std::uint64_t>(value * 10 + (digit - U'0'), kManyGroups);
    return static_cast<std::uint32_t>(value);
  }

  bool escape(Place& place, char32_t c) {
    const View lexeme = place.lexeme;
    if (lexeme.size() == 1) return begin_escape(place, c);
    switch (lexeme[1]) {
      case U'c':
        return is_letter(c) && escaped(place, Last::kCharacter, c % 32);
      case U'x':
        return hexadecimal(place, c, 2);
      case U'u':
        return unicode(place, c);
      case U'p':
      case U'P':
        return property(place, c);
      case U'k':
        return reference(place, c);
      default:
        break;
    }
    if (is_digit(c)) {
      if (lexeme[1] == U'0') return false;
      if (number(lexeme) < kManyGroups) place.lexeme += c;
      return true;
    }
    place.needed = std::max(place.needed, number(lexeme));
    return escaped(place, Last::kCharacter, 0) && begin(place, c);
  }

  bool begin_escape(Place& place, char32_t c) {
    static constexpr View kControls = U"tnvfr";  // from 9 on
    if (c != U'u' && !end_lead(place)) return false;
    if (const std::size_t control = kControls.find(c); control != View::npos) {
      return escaped(place, Last::kCharacter, 9 + static_cast<std::uint32_t>(control));
    }
    if (among(c, U"dDsSwW")) return escaped(place, Last::kSet);
    if (among(c, U"^$\\.*+?()[]{}|/")) return escaped(place, Last::kCharacter, c);
    if (among(c, U"pP")) {
      place.lexeme += c;
      return !place.dashed;
    }
    if (among(c, U"cxu0")) {
      place.lexeme += c;
      return may_end(place, c == U'0' ? 0 : c == U'c' ? 26 : c == U'x' ? 0xFF : kLastCharacter);
    }
    if (place.in_set) return among(c, U"b-") && escaped(place, Last::kCharacter, c == U'b' ? 8 : U'-');
    if (among(c, U"bB")) {
      place.lexeme.clear();
      return true;
    }
    place.lexeme += c;
    return c == U'k' || is_digit(c);
  }

  // \x and \u with so many digits.
  bool hexadecimal(Place& place, char32_t c, std::size_t digits) {
    if (!is_hex(c)) return false;
    place.lexeme += c;
    std::uint32_t value = 0;
    for (const char32_t digit : place.lexeme.substr(2)) value = value << 4 | hex_value(digit);
    const std::size_t read = place.lexeme.size() - 2;
    if (read < digits) {
      const std::size_t bits = 4 * (digits - read);
      const std::uint32_t least = value << bits;
      const std::uint32_t most = least | ((1U << bits) - 1);
      const bool pairs = place.lead != 0 || (least < 0xDC00 && most >= 0xD800);
      return may_end(place, pairs ? kLastCharacter : most);
    }
    if (digits == 2 || !place.in_set) return escaped(place, Last::kCharacter, value);
    if (place.lead != 0 && is_trail(value)) {
      return escaped(place, Last::kCharacter, paired(std::exchange(place.lead, 0), value));
    }
    if (!end_lead(place)) return false;
    if (!is_lead(value)) return escaped(place, Last::kCharacter, value);
    place.lead = value;
    place.lexeme.clear();
    return may_end(place, kLastCharacter);
  }

  bool unicode(Place& place, char32_t c) {
    if (place.lexeme.size() == 2 && c == U'{') {
      place.lexeme += c;
      return end_lead(place);
    }
    if (place.lexeme.size() < 3 || place.lexeme[2] != U'{') return hexadecimal(place, c, 4);
    std::uint32_t value = 0;
    for (const char32_t digit : place.lexeme.substr(3)) value = value << 4 | hex_value(digit);
    if (c == U'}') return place.lexeme.size() > 3 && escaped(place, Last::kCharacter, value);
    if (!is_hex(c)) return false;
    value = value << 4 | hex_value(c);
    if (value > kLastCharacter) return false;
    // Zeros in front say nothing.
    if (place.lexeme == U"\\u{0") place.lexeme.pop_back();
    place.lexeme += c;
    std::uint32_t least = value;
    std::uint32_t most = value;
    while (least != 0 && least << 4 <= kLastCharacter) {
      least <<= 4;
      most = std::min(most << 4 | 0xF, kLastCharacter);
    }
    return may_end(place, value == 0 ? kLastCharacter : most);
  }

  bool property(Place& place, char32_t c) {
    if (place.lexeme.size() == 2) {
      place.lexeme += c;
      return c == U'{';
    }
    const View written = View(place.lexeme).substr(3);
    const auto& known = tables_->properties;
    if (c == U'}') return std::binary_search(known.begin(), known.end(), Text(written)) && escaped(place, Last::kSet);
    place.lexeme += c;
    const Text longer = place.lexeme.substr(3);
    const auto next = std::lower_bound(known.begin(), known.end(), longer);
    return next != known.end() && next->compare(0, longer.size(), longer) == 0;
  }

  bool reference(Place& place, char32_t c) {
    if (place.lexeme.size() == 2) {
      place.lexeme += c;
      return c == U'<';
    }
    if (c != U'>') {
      place.lexeme += c;
      return name_of(View(place.lexeme).substr(3), false).has_value();
    }
    const auto name = name_of(View(place.lexeme).substr(3), true);
    if (!name) return false;
    include(place.wanted, *name);
    return escaped(place, Last::kCharacter);
  }

  // Groups and quantifiers

  static bool enter(Place& place, bool looks) {
    place.lexeme.clear();
    place.levels.push_back({.looks = looks, .here = {}, .before = {}});
    return true;
  }

  bool open(Place& place, char32_t c) {
    const View lexeme = place.lexeme;
    if (lexeme.size() == 1 && c != U'?') {
      ++place.groups;
      return enter(place, false) && begin(place, c);
    }
    if (lexeme.size() == 2) {
      if (c == U':') return enter(place, false);
      if (c == U'=' || c == U'!') return enter(place, true);
    }
    if (lexeme.size() > 2 && lexeme[2] == U'<') return open_behind_bracket(place, c);
    if (c == U':') return lexeme != U"(?-" && enter(place, false);  // flags are changed
    const bool is_flag = lexeme.size() >= 2 && among(c, U"ims-") && !among(c, lexeme);
    place.lexeme += c;
    return is_flag || place.lexeme == U"(?" || place.lexeme == U"(?<";
  }

  bool open_behind_bracket(Place& place, char32_t c) {
    if (place.lexeme.size() == 3 && (c == U'=' || c == U'!')) return enter(place, true);
    if (c != U'>') {
      place.lexeme += c;
      return name_of(View(place.lexeme).substr(3), false).has_value();
    }
    const auto name = name_of(View(place.lexeme).substr(3), true);
    // Groups of one name are for different alternatives, so that only one of them can match.
    if (!name ||
        std::any_of(place.levels.begin(), place.levels.end(), [&](const Level& l) { return has(l.here, *name); })) {
      return false;
    }
    include(place.levels.back().here, *name);
    ++place.groups;
    return enter(place, false);
  }

  static bool close(Place& place) {
    if (place.levels.size() == 1) return false;
    const Level inner = std::move(place.levels.back());
    place.levels.pop_back();
    Level& level = place.levels.back();
    level.here = united(level.here, united(inner.here, inner.before));
    place.repeatable = !inner.looks;
    return true;
  }

  static bool bounds(Place& place, char32_t c) {
    const View lexeme = place.lexeme;
    const std::size_t comma = lexeme.find(U',');
    if (is_digit(c) || (c == U',' && comma == View::npos && lexeme.size() > 1)) {
      place.lexeme += c;
      return true;
    }
    if (c != U'}' || lexeme.size() == 1) return false;
    const auto significant = [](View digits) {
      return digits.substr(std::min(digits.find_first_not_of(U'0'), digits.size()));
    };
    if (comma != View::npos && comma + 1 < lexeme.size()) {
      const View least = significant(lexeme.substr(1, comma - 1));
      const View most = significant(lexeme.substr(comma + 1));
      if (least.size() != most.size() ? least.size() > most.size() : least > most) return false;
    }
    place.lexeme = U'*';
    return true;
  }

  // The name that these characters spell, any number while it may go on; nothing where it is none.
  std::optional<Name> name_of(View spelled, bool is_over) {
    std::vector<std::uint32_t> name;
    for (std::size_t i = 0; i < spelled.size();) {
      std::uint32_t character = spelled[i++];
      if (character == U'\\') {
        const auto escape = read_escape(spelled, i);
        if (!escape) return std::nullopt;
        if (i > spelled.size()) return is_over ? std::nullopt : std::optional<Name>(0);
        character = *escape;
      }
      const auto& allowed = name.empty() ? tables_->identifier_start : tables_->identifier_part;
      if (!is_in(character, allowed)) return std::nullopt;
      name.push_back(character);
    }
    if (!is_over) return 0;
    if (name.empty()) return std::nullopt;
    return names_.intern(name);
  }

  // The character of an escape whose backslash is before `i`, which it moves behind the escape, or behind the end of a
  // text that is cut off; nothing where it is no escape of a name.
  static std::optional<std::uint32_t> read_escape(View text, std::size_t& i) {
    const auto cut_off = [&] {
      i = text.size() + 1;
      return std::optional<std::uint32_t>(0);
    };
    if (i == text.size()) return cut_off();
    if (text[i++] != U'u') return std::nullopt;
    if (i == text.size()) return cut_off();
    std::uint32_t value = 0;
    if (text[i] == U'{') {
      const std::size_t first = ++i;
      for (; i < text.size() && text[i] != U'}'; ++i) {
        if (!is_hex(text[i])) return std::nullopt;
        value = value << 4 | hex_value(text[i]);
        if (value > kLastCharacter) return std::nullopt;
      }
      if (i == text.size()) return cut_off();
      return i++ > first ? std::optional<std::uint32_t>(value) : std::nullopt;
    }
    for (const std::size_t end = i + 4; i < end; ++i) {
      if (i == text.size()) return cut_off();
      if (!is_hex(text[i])) return std::nullopt;
      value = value << 4 | hex_value(text[i]);
    }
    if (!is_lead(value)) return value;
    std::uint32_t trail = 0;
    for (const View pattern = U"\\u0000"; const char32_t expected : pattern) {
      if (i == text.size()) return cut_off();
      const char32_t c = text[i++];
      if (expected == U'0' ? !is_hex(c) : c != expected) return std::nullopt;
      if (expected == U'0') trail = trail << 4 | hex_value(c);
    }
    return is_trail(trail) ? std::optional<std::uint32_t>(paired(value, trail)) : std::nullopt;
  }

  // States as words

  State interned(const Place& place) {
    std::vector<std::uint32_t> words = {
        (place.repeatable ? 1U : 0U) | (place.in_set ? 2U : 0U) | (place.dashed ? 4U : 0U) |
            static_cast<std::uint32_t>(place.last) << 3,
        place.groups,
        place.needed,
        place.last_character,
        place.lead,
    };
    const auto add = [&](const auto& values) {
      words.push_back(static_cast<std::uint32_t>(values.size()));
      words.insert(words.end(), values.begin(), values.end());
    };
    add(place.lexeme);
    add(place.wanted);
    for (const Level& level : place.levels) {
      words.push_back(level.looks ? 1 : 0);
      add(level.here);
      add(level.before);
    }
    return static_cast<State>(states_.intern(words));
  }

  Place read(State state) const {
    const auto id = static_cast<std::uint32_t>(state);
    const std::uint32_t* word = states_.begin(id);
    const std::uint32_t* const end = states_.end(id);
    const std::uint32_t flags = *word++;
    Place place;
    place.repeatable = (flags & 1) != 0;
    place.in_set = (flags & 2) != 0;
    place.dashed = (flags & 4) != 0;
    place.last = static_cast<Last>(flags >> 3);
    place.groups = *word++;
    place.needed = *word++;
    place.last_character = *word++;
    place.lead = *word++;
    const auto take = [&](auto& values) {
      const std::uint32_t count = *word++;
      values.assign(word, word + count);
      word += count;
    };
    take(place.lexeme);
    take(place.wanted);
    place.levels.clear();
    while (word != end) {
      Level& level = place.levels.emplace_back();
      level.looks = *word++ != 0;
      take(level.here);
      take(level.before);
    }
    return place;
  }

  std::shared_ptr<const PatternTables> tables_;
  Interner<std::uint32_t> states_, names_;
};

}  // namespace

std::unique_ptr<CharacterMachine> pattern_machine(std::shared_ptr<const PatternTables> tables) {
  return std::make_unique<PatternMachine>(std::move(tables));
}

}  // namespace tamis::formats
