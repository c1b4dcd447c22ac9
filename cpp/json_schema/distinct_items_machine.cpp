// Arrays whose items differ; see machines.hpp.
#include <algorithm>
#include <charconv>

#include "../automaton/interner.hpp"
#include "error.hpp"
#include "json_lexer.hpp"
#include "machines.hpp"
#include "value.hpp"

namespace tamis::schema {
namespace {

// A number with such an exponent that comparing it with others would take what the exponent says.
struct Incomparable {};

// Equal numbers get equal texts: digits without zeros at either end, and the power of ten of the last one.
void write_number(std::string_view literal, std::string& out) {
  const bool negative = literal[0] == '-';
  if (negative) literal.remove_prefix(1);
  long long power = 0;
  if (const std::size_t e = literal.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view exponent = literal.substr(e + 1);
    if (exponent[0] == '+') exponent.remove_prefix(1);
    const auto result = std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
    if (result.ec != std::errc() || power > 1'000'000'000'000 || power < -1'000'000'000'000) {
      throw Incomparable();
    }
    literal = literal.substr(0, e);
  }
  std::string digits(literal);
  if (const std::size_t point = digits.find('.'); point != std::string::npos) {
    power -= static_cast<long long>(digits.size() - point - 1);
    digits.erase(point, 1);
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) {
    out += "0;";
    return;
  }
  while (digits.back() == '0') {
    digits.pop_back();
    ++power;
  }
  out += (negative ? "-" : "") + digits + "e" + std::to_string(power) + ";";
}

// Equal values get equal texts.
void write_value(const Value& value, std::string& out) {
  switch (value.kind) {
    case Kind::kNull:
      out += "n";
      break;
    case Kind::kFalse:
      out += "f";
      break;
    case Kind::kTrue:
      out += "t";
      break;
    case Kind::kNumber:
      write_number(value.text, out);
      break;
    case Kind::kString:
      out += "\"" + std::to_string(value.text.size()) + ":";
      out += value.text;
      break;
    case Kind::kArray:
      out += "[";
      for (const Value& item : value.items()) write_value(item, out);
      out += "]";
      break;
    case Kind::kObject: {
      std::vector<const Member*> members;
      for (const Member& member : value.members()) {
        const auto same =
            std::find_if(members.begin(), members.end(), [&](const Member* known) { return known->key == member.key; });
        if (same != members.end()) {
          *same = &member;  // the last one counts
        } else {
          members.push_back(&member);
        }
      }
      std::sort(members.begin(), members.end(), [](const Member* a, const Member* b) { return a->key < b->key; });
      out += "{";
      for (const Member* member : members) {
        out += std::to_string(member->key.size()) + ":";
        out += member->key;
        write_value(member->value, out);
      }
      out += "}";
      break;
    }
  }
}

class DistinctItems final : public Machine {
 public:
  explicit DistinctItems(const std::optional<std::vector<std::string>>& strings) {
    sets_.intern({});
    if (!strings) return;
    allowed_.emplace();
    for (const std::string& text : *strings) {
      allowed_->emplace_back(text, item_id("\"" + std::to_string(text.size()) + ":" + text));
    }
  }

  State start() override { return interned({}); }

  State step(State state, std::uint8_t byte) override {
    View view = view_of(state);
    if (!advance(view, byte)) return kDead;
    return interned(view);
  }

  bool is_complete(State state) override { return view_of(state).phase == Phase::kDone; }

  bool reads_json_characters(State state) override {
    const View view = view_of(state);
    return view.phase == Phase::kString && (view.depth > 0 || !allowed_);
  }

  std::size_t memory_bytes() const override {
    return states_.memory_bytes() + sets_.memory_bytes() + texts_.memory_bytes() + item_bytes_;
  }

 private:
  enum class Phase : std::uint32_t {
    kStart,
    kBefore,     // an item may begin
    kWord,       // in a number or a word
    kString,     // in a string
    kBackslash,  // there, behind a backslash
    kInside,     // of brackets, but not of a string
    kAfter,      // an item has ended
    kDone,
  };
  struct View {
    std::uint32_t seen = 0;
    Phase phase = Phase::kStart;
    std::uint32_t depth = 0;
    StringTree::Node text = 0;  // of the item so far, without blanks
  };

  View view_of(State state) const {
    const std::uint32_t* w = states_.begin(static_cast<std::uint32_t>(state));
    return {w[0], static_cast<Phase>(w[1]), w[2], w[3]};
  }
  State interned(const View& v) {
    check_machine_memory(memory_bytes());
    return static_cast<State>(states_.intern({v.seen, static_cast<std::uint32_t>(v.phase), v.depth, v.text}));
  }

  bool advance(View& v, std::uint8_t byte) {
    const bool blank = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
    const auto put = [&] { v.text = texts_.child(v.text, byte); };
    switch (v.phase) {
      case Phase::kDone:
        return false;
      case Phase::kStart:
        v.phase = Phase::kBefore;
        return byte == '[';
      case Phase::kAfter:
        if (byte == ',') v.phase = Phase::kBefore;
        if (byte == ']') v.phase = Phase::kDone;
        return blank || byte == ',' || byte == ']';
      case Phase::kBefore:
        if (blank) return true;
        if (byte == ']') {
          v.phase = Phase::kDone;
          return true;
        }
        put();
        v.phase = byte == '"' ? Phase::kString : Phase::kWord;
        if (byte == '[' || byte == '{') {
          v.phase = Phase::kInside;
          v.depth = 1;
        }
        return true;
      case Phase::kWord:
        if (!blank && byte != ',' && byte != ']') {
          put();
          return true;
        }
        return end_item(v) && advance(v, byte);
      case Phase::kBackslash:
        put();
        v.phase = Phase::kString;
        return true;
      case Phase::kString:
        put();
        if (byte == '\\') v.phase = Phase::kBackslash;
        if (byte == '"') {
          if (v.depth == 0) return end_item(v);
          v.phase = Phase::kInside;
        }
        return v.depth > 0 || begins_allowed(v);
      case Phase::kInside:
        if (blank) return true;
        put();
        if (byte == '"') v.phase = Phase::kString;
        if (byte == '[' || byte == '{') ++v.depth;
        if ((byte == ']' || byte == '}') && --v.depth == 0) return end_item(v);
        return true;
    }
    return false;
  }

  bool end_item(View& v) {
    std::string canonical;
    try {
      const JsonText text(texts_.text(v.text), JsonText::Reading::kLenient);
      write_value(text.root(), canonical);
    } catch (const SchemaError&) {
      return false;  // no JSON, or nested beyond what can be compared
    } catch (const Incomparable&) {
      return false;
    }
    const std::uint32_t item = item_id(canonical);
    std::vector<std::uint32_t> seen = sets_.copy(v.seen);
    const auto place = std::lower_bound(seen.begin(), seen.end(), item);
    if (place != seen.end() && *place == item) return false;
    seen.insert(place, item);
    v = {sets_.intern(seen), Phase::kAfter, 0, 0};
    return true;
  }

  // Whether the string under way may become one that is allowed and not used yet.
  bool begins_allowed(const View& v) const {
    if (!allowed_) return true;
    StringTree tree;
    StringReading reading;
    const std::string raw = texts_.text(v.text);
    for (std::size_t i = 1; i < raw.size(); ++i) {
      if (reading.step(tree, static_cast<std::uint8_t>(raw[i])) == StringReading::Outcome::kBad) return false;
    }
    const std::string begun = tree.text(reading.node);
    return std::any_of(allowed_->begin(), allowed_->end(), [&](const auto& item) {
      return item.first.starts_with(begun) && !std::binary_search(sets_.begin(v.seen), sets_.end(v.seen), item.second);
    });
  }

  std::uint32_t item_id(const std::string& canonical) {
    const auto [found, inserted] = items_.emplace(canonical, static_cast<std::uint32_t>(items_.size()));
    if (inserted) item_bytes_ += canonical.size() + 64;
    return found->second;
  }

  std::optional<std::vector<std::pair<std::string, std::uint32_t>>> allowed_;
  StringTree texts_;
  std::unordered_map<std::string, std::uint32_t> items_;
  std::size_t item_bytes_ = 0;
  Interner<std::uint32_t> sets_;  // of items, sorted
  Interner<std::uint32_t> states_;
};

class DistinctItemsSource final : public MachineSource {
 public:
  explicit DistinctItemsSource(std::optional<std::vector<std::string>> strings) : strings_(std::move(strings)) {}
  std::unique_ptr<Machine> make() const override { return std::make_unique<DistinctItems>(strings_); }
  bool accepts_empty() const override { return false; }
  std::string name() const override { return "items that differ (uniqueItems)"; }

 private:
  std::optional<std::vector<std::string>> strings_;
};

}  // namespace

std::shared_ptr<const MachineSource> distinct_items_machine(std::optional<std::vector<std::string>> strings) {
  if (!strings) {
    static const auto kAny = std::make_shared<const DistinctItemsSource>(std::nullopt);
    return kAny;
  }
  return std::make_shared<const DistinctItemsSource>(std::move(strings));
}

}  // namespace tamis::schema
