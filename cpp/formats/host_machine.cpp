#include "host_machine.hpp"

#include <optional>
#include <string>

#include "../automaton/interner.hpp"
#include "idna.hpp"

namespace tamis::formats {
namespace {

// The labels before the one under way.
struct Before {
  std::size_t length = 0;  // in ASCII, dots included
  bool right_to_left = false;
  bool keeps_direction = true;

  std::optional<Before> with(std::u32string_view text) const {
    const auto label = read_label(text);
    if (!label) return std::nullopt;
    const Before all = {length + label->ascii_length, right_to_left || label->right_to_left,
                        keeps_direction && label->keeps_direction};
    if (all.length > kLongestName || (all.right_to_left && !all.keeps_direction)) return std::nullopt;
    return all;
  }
};

class HostMachine final : public CharacterMachine {
 public:
  explicit HostMachine(HostPart part) : part_(part) {}

  State start() override { return interned({}, U""); }

  State step(State state, char32_t character) override {
    auto [before, label] = read(state);
    if (part_ == HostPart::kName && is_dot(character)) {
      auto all = before.with(label);
      if (!all || ++all->length >= kLongestName) return Machine::kDead;
      return interned(*all, U"");
    }
    label += character;
    if (!may_begin_label(label) || (part_ == HostPart::kALabel && !may_begin_a_label(label))) return Machine::kDead;
    return interned(before, label);
  }

  bool is_complete(State state) override {
    const auto [before, label] = read(state);
    if (part_ == HostPart::kALabel) return is_a_label(label);
    return before.with(label).has_value();
  }

  std::size_t memory_bytes() const override { return states_.memory_bytes(); }

 private:
  // RFC 3490, section 3.1, 1: what separates labels.
  static bool is_dot(char32_t c) { return c == U'.' || c == U'\u3002' || c == U'\uFF0E' || c == U'\uFF61'; }

  static bool may_begin_a_label(std::u32string_view label) {
    static constexpr std::u32string_view kPrefix = U"xn--";
    for (std::size_t i = 0; i < label.size(); ++i) {
      if (label[i] >= 0x80 || (i < kPrefix.size() && (label[i] | (i < 2 ? 0x20U : 0U)) != kPrefix[i])) return false;
    }
    return true;
  }

  State interned(const Before& before, std::u32string_view label) {
    const std::uint32_t flags = (before.right_to_left ? 1U : 0U) | (before.keeps_direction ? 2U : 0U);
    std::vector<std::uint32_t> words = {static_cast<std::uint32_t>(before.length) << 2 | flags};
    words.insert(words.end(), label.begin(), label.end());
    return static_cast<State>(states_.intern(words));
  }
  std::pair<Before, std::u32string> read(State state) const {
    const auto id = static_cast<std::uint32_t>(state);
    const std::uint32_t word = *states_.begin(id);
    return {{word >> 2, (word & 1U) != 0, (word & 2U) != 0}, std::u32string(states_.begin(id) + 1, states_.end(id))};
  }

  HostPart part_;
  Interner<std::uint32_t> states_;
};

}  // namespace

std::unique_ptr<CharacterMachine> host_machine(HostPart part) { return std::make_unique<HostMachine>(part); }

}  // namespace tamis::formats
