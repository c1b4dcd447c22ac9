// Objects whose keys differ; see machines.hpp.
#include <algorithm>

#include "../automaton/interner.hpp"
#include "json_lexer.hpp"
#include "machines.hpp"

namespace tamis::schema {
namespace {

bool is_blank(std::uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

class KeysMachine final : public Machine {
 public:
  // `deep`: every object of the text is looked at, and no number may have an exponent; otherwise the outermost alone.
  KeysMachine(const KeyDemands& demands, bool deep) : demands_(demands), deep_(deep) {
    frames_.intern({kNoFrame, 0, 0});  // around the text, like no array in it
    sets_.intern({});
    for (std::size_t i = 0; i < demands.names.size(); ++i) {
      StringTree::Node node = 0;
      below_.resize(std::max<std::size_t>(below_.size(), 1));
      below_[0].push_back(static_cast<std::uint32_t>(i));
      for (const char c : demands.names[i]) {
        node = tree_.child(node, static_cast<std::uint8_t>(c));
        if (below_.size() <= node) below_.resize(node + 1);
        below_[node].push_back(static_cast<std::uint32_t>(i));
      }
      names_.push_back(node);
    }
  }

  State start() override { return interned({}); }

  State step(State state, std::uint8_t byte) override {
    View view = view_of(state);
    if (!advance(view, byte)) return kDead;
    return interned(view);
  }

  bool is_complete(State state) override {
    const View view = view_of(state);
    if (deep_) return view.frame == 0 && view.phase == Phase::kOutside;
    return view.phase == Phase::kDone;
  }

  bool reads_json_characters(State state) override {
    const View view = view_of(state);
    if (view.phase == Phase::kString) return true;
    if (view.phase != Phase::kKey || view.key.escape != 0 || view.key.high != 0) return false;
    return !demands_.closed || !is_watched(frame_of(view));
  }

  std::size_t memory_bytes() const override {
    return states_.memory_bytes() + frames_.memory_bytes() + sets_.memory_bytes() + tree_.memory_bytes();
  }

 private:
  enum class Phase : std::uint32_t {
    kOutside,    // of strings
    kKeyNext,    // a key, or the end of its object, comes next
    kKey,        // inside of a key
    kString,     // inside of another string
    kBackslash,  // there, behind a backslash
    kDone,
  };
  struct View {
    std::uint32_t frame = 0;
    Phase phase = Phase::kOutside;
    std::uint32_t depth = 0;  // of brackets inside the outermost object that are not looked at
    bool after_digit = false;
    StringReading key;
  };
  static constexpr std::uint32_t kNoFrame = 0xFFFFFFFFU;
  using SetId = std::uint32_t;
  struct Frame {
    std::uint32_t parent;
    bool is_object;
    SetId seen;
  };

  View view_of(State state) const {
    const std::uint32_t* w = states_.begin(static_cast<std::uint32_t>(state));
    return {w[0], static_cast<Phase>(w[1]), w[2], w[3] != 0, {w[4], w[5], w[6], w[7]}};
  }
  State interned(const View& v) {
    check_machine_memory(memory_bytes());
    return static_cast<State>(
        states_.intern({v.frame, static_cast<std::uint32_t>(v.phase), v.depth, v.after_digit ? 1U : 0U, v.key.node,
                        v.key.escape, v.key.unit, v.key.high}));
  }
  Frame frame_of(const View& v) const {
    const std::uint32_t* w = frames_.begin(v.frame);
    return {w[0], w[1] != 0, w[2]};
  }
  bool is_watched(const Frame& frame) const { return !deep_ && frame.parent == 0; }

  bool advance(View& v, std::uint8_t byte) {
    switch (v.phase) {
      case Phase::kDone:
        return false;
      case Phase::kString:
        if (byte == '"') v.phase = Phase::kOutside;
        if (byte == '\\') v.phase = Phase::kBackslash;
        return true;
      case Phase::kBackslash:
        v.phase = Phase::kString;
        return true;
      case Phase::kKey:
        return advance_key(v, byte);
      case Phase::kKeyNext:
        if (is_blank(byte)) return true;
        if (byte == '}') return close(v);
        if (byte != '"') return false;
        v.phase = Phase::kKey;
        v.key = {};
        return true;
      case Phase::kOutside:
        return advance_outside(v, byte);
    }
    return false;
  }

  bool advance_outside(View& v, std::uint8_t byte) {
    if (deep_ && v.after_digit && (byte == 'e' || byte == 'E')) return false;
    v.after_digit = deep_ && byte >= '0' && byte <= '9';
    if (!deep_ && v.frame == 0 && byte != '{') return false;
    switch (byte) {
      case '"':
        v.phase = Phase::kString;
        return true;
      case '{':
      case '[':
        if (!deep_ && v.frame != 0) {
          ++v.depth;
          return true;
        }
        v.frame = frames_.intern({v.frame, byte == '{' ? 1U : 0U, 0});
        if (byte == '{') v.phase = Phase::kKeyNext;
        return true;
      case '}':
      case ']':
        if (v.depth > 0) {
          --v.depth;
          return true;
        }
        return v.frame != 0 && close(v);
      case ',': {
        if (v.depth > 0 || v.frame == 0) return true;
        const Frame frame = frame_of(v);
        if (!frame.is_object) return true;
        v.phase = Phase::kKeyNext;
        return !is_watched(frame) || may_go_on(frame.seen);
      }
      default:
        return true;
    }
  }

  bool close(View& v) {
    const Frame frame = frame_of(v);
    if (is_watched(frame)) {
      const auto count = static_cast<std::int64_t>(sets_.end(frame.seen) - sets_.begin(frame.seen));
      if (missing(frame.seen) > 0 || count < demands_.least) return false;
    }
    v.frame = frame.parent;
    v.phase = v.frame == 0 && !deep_ ? Phase::kDone : Phase::kOutside;
    return true;
  }

  bool advance_key(View& v, std::uint8_t byte) {
    const auto outcome = v.key.step(tree_, byte);
    if (outcome == StringReading::Outcome::kBad) return false;
    const Frame frame = frame_of(v);
    if (outcome == StringReading::Outcome::kGoesOn) {
      return !is_watched(frame) || !demands_.closed || has_unused(v.key.node, frame.seen);
    }
    std::vector<std::uint32_t> seen = sets_.copy(frame.seen);
    const auto place = std::lower_bound(seen.begin(), seen.end(), v.key.node);
    if (place != seen.end() && *place == v.key.node) return false;
    seen.insert(place, v.key.node);
    const SetId set = sets_.intern(seen);
    if (is_watched(frame)) {
      if (demands_.closed && std::find(names_.begin(), names_.end(), v.key.node) == names_.end()) return false;
      if (demands_.most >= 0 && static_cast<std::int64_t>(seen.size()) + missing(set) > demands_.most) return false;
    }
    v.frame = frames_.intern({frame.parent, 1U, set});
    v.phase = Phase::kOutside;
    v.key = {};
    return true;
  }

  bool is_seen(std::uint32_t node, SetId set) const {
    return std::binary_search(sets_.begin(set), sets_.end(set), node);
  }
  std::int64_t missing(SetId set) const {
    std::int64_t count = 0;
    for (std::size_t i = 0; i < names_.size(); ++i) count += demands_.required[i] && !is_seen(names_[i], set) ? 1 : 0;
    return count;
  }
  // Whether a name that begins so is left.
  bool has_unused(StringTree::Node node, SetId set) const {
    if (node >= below_.size()) return false;
    return std::any_of(below_[node].begin(), below_[node].end(),
                       [&](std::uint32_t name) { return !is_seen(names_[name], set); });
  }
  bool may_go_on(SetId set) const {
    const auto count = static_cast<std::int64_t>(sets_.end(set) - sets_.begin(set));
    if (demands_.most >= 0 && count >= demands_.most) return false;
    return !demands_.closed || has_unused(0, set);
  }

  const KeyDemands& demands_;
  bool deep_;
  StringTree tree_;
  std::vector<StringTree::Node> names_;
  std::vector<std::vector<std::uint32_t>> below_;  // per node of a name's beginning: the names
  Interner<std::uint32_t> sets_;                   // of the nodes of keys, sorted
  Interner<std::uint32_t> frames_;                 // (parent, is it an object, keys seen)
  Interner<std::uint32_t> states_;
};

class KeysSource final : public MachineSource {
 public:
  KeysSource(KeyDemands demands, bool deep) : demands_(std::move(demands)), deep_(deep) {}
  std::unique_ptr<Machine> make() const override { return std::make_unique<KeysMachine>(demands_, deep_); }
  bool accepts_empty() const override { return deep_; }
  std::string name() const override {
    return deep_ ? "no key twice in an object, no exponent in a number" : "keys that differ and are as demanded";
  }

 private:
  KeyDemands demands_;
  bool deep_;
};

}  // namespace

std::shared_ptr<const MachineSource> keys_machine(KeyDemands demands) {
  return std::make_shared<const KeysSource>(std::move(demands), false);
}

std::shared_ptr<const MachineSource> plain_text_machine() {
  static const auto kSource = std::make_shared<const KeysSource>(KeyDemands{}, true);
  return kSource;
}

}  // namespace tamis::schema
