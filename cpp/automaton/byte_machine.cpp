#include "byte_machine.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <string_view>

namespace tamis {
namespace {

constexpr std::size_t kMaxStates = 4095;  // the width of a position's machine-state field

// A range of bytes, or of hexadecimal digits in either case.
struct Symbol {
  bool hex;
  std::uint8_t low;
  std::uint8_t high;
  auto operator<=>(const Symbol&) const = default;
};
using Word = std::vector<Symbol>;
using DigitRange = std::pair<std::uint32_t, std::uint32_t>;

// The numbers low..high as products of digit ranges, `count` digits of `bits` bits, most significant first.  Two
// products of disjoint number ranges have, at their first difference, disjoint digit ranges.
void split_digits(std::uint32_t low, std::uint32_t high, int count, int bits,
                  std::vector<std::vector<DigitRange>>& out) {
  for (int i = 1; i < count; ++i) {
    const std::uint32_t tail = (1U << (bits * i)) - 1;
    if ((low & ~tail) == (high & ~tail)) continue;
    if ((low & tail) != 0) {
      split_digits(low, low | tail, count, bits, out);
      split_digits((low | tail) + 1, high, count, bits, out);
      return;
    }
    if ((high & tail) != tail) {
      split_digits(low, (high & ~tail) - 1, count, bits, out);
      split_digits(high & ~tail, high, count, bits, out);
      return;
    }
  }
  std::vector<DigitRange> digits;
  for (int i = count - 1; i >= 0; --i) {
    const std::uint32_t mask = (1U << bits) - 1;
    digits.emplace_back((low >> (bits * i)) & mask, (high >> (bits * i)) & mask);
  }
  // The top digit keeps whatever lies above its bits (UTF-8 leads have fewer payload bits; callers stay in range).
  out.push_back(std::move(digits));
}

void add_utf8(const CharSet& set, std::vector<Word>& words) {
  struct Length {
    std::uint32_t low, high;
    int bytes;
    std::uint8_t lead;
  };
  static constexpr Length kLengths[] = {
      {0, 0x7F, 1, 0}, {0x80, 0x7FF, 2, 0xC0}, {0x800, 0xFFFF, 3, 0xE0}, {0x10000, 0x10FFFF, 4, 0xF0}};
  for (const auto& length : kLengths) {
    for (const auto& [low, high] : set_intersection(set, {{length.low, length.high}})) {
      if (length.bytes == 1) {
        words.push_back({{false, static_cast<std::uint8_t>(low), static_cast<std::uint8_t>(high)}});
        continue;
      }
      std::vector<std::vector<DigitRange>> products;
      split_digits(low, high, length.bytes, 6, products);
      for (const auto& product : products) {
        Word word;
        for (std::size_t i = 0; i < product.size(); ++i) {
          const std::uint8_t mark = i == 0 ? length.lead : 0x80;
          word.push_back({false, static_cast<std::uint8_t>(mark | product[i].first),
                          static_cast<std::uint8_t>(mark | product[i].second)});
        }
        words.push_back(std::move(word));
      }
    }
  }
}

Word exactly(std::string_view bytes) {
  Word word;
  for (const char c : bytes) word.push_back({false, static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c)});
  return word;
}

std::vector<Word> hex_words(std::uint32_t low, std::uint32_t high) {
  std::vector<std::vector<DigitRange>> products;
  split_digits(low, high, 4, 4, products);
  std::vector<Word> words;
  for (const auto& product : products) {
    Word word;
    for (const auto& [first, last] : product) {
      word.push_back({true, static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(last)});
    }
    words.push_back(std::move(word));
  }
  return words;
}

Word joined(std::initializer_list<Word> parts) {
  Word out;
  for (const Word& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

// RFC 8259, section 7.
void add_json(const CharSet& set, std::vector<Word>& words) {
  add_utf8(set_intersection(set, {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}}), words);
  static constexpr std::pair<char, char> kShort[] = {{'"', '"'},  {'\\', '\\'}, {'/', '/'},  {'b', '\b'},
                                                     {'f', '\f'}, {'n', '\n'},  {'r', '\r'}, {'t', '\t'}};
  for (const auto& [letter, meaning] : kShort) {
    const auto code_point = static_cast<std::uint32_t>(meaning);
    if (set_intersection(set, {{code_point, code_point}}).empty()) continue;
    words.push_back(exactly(std::string{'\\', letter}));
  }
  const Word mark = exactly("\\u");
  for (const auto& [low, high] : set_intersection(set, {{0, 0xFFFF}})) {
    for (const Word& digits : hex_words(low, high)) words.push_back(joined({mark, digits}));
  }
  const auto add_pairs = [&](std::uint32_t high_low, std::uint32_t high_high, std::uint32_t low_low,
                             std::uint32_t low_high) {
    for (const Word& first : hex_words(0xD800 + high_low, 0xD800 + high_high)) {
      for (const Word& second : hex_words(0xDC00 + low_low, 0xDC00 + low_high)) {
        words.push_back(joined({mark, first, mark, second}));
      }
    }
  };
  for (const auto& [low, high] : set_intersection(set, {{0x10000, 0x10FFFF}})) {
    std::uint32_t a = (low - 0x10000) >> 10;
    std::uint32_t b = (high - 0x10000) >> 10;
    const std::uint32_t a_low = low & 0x3FF;
    const std::uint32_t b_low = high & 0x3FF;
    if (a == b) {
      add_pairs(a, a, a_low, b_low);
      continue;
    }
    if (a_low != 0) add_pairs(a, a, a_low, 0x3FF), ++a;
    const bool whole = b_low == 0x3FF;
    if (a < b || whole) add_pairs(a, whole ? b : b - 1, 0, 0x3FF);
    if (!whole) add_pairs(b, b, 0, b_low);
  }
}

// Builds the minimal acyclic DFA of a set of words bottom-up, sharing equal states.
class Builder {
 public:
  explicit Builder(std::size_t max_states) : max_states_(max_states) {}

  ByteMachine::State build(std::vector<Word>::const_iterator begin, std::vector<Word>::const_iterator end,
                           std::size_t depth) {
    if (begin->size() == depth) return ByteMachine::kAccept;
    std::vector<ByteMachine::Edge> edges;
    while (begin != end) {
      const Symbol symbol = (*begin)[depth];
      auto group_end = begin;
      while (group_end != end && (*group_end)[depth] == symbol) ++group_end;
      add_edges(symbol, build(begin, group_end, depth + 1), edges);
      begin = group_end;
    }
    const auto [found, inserted] = states_.emplace(edges, static_cast<ByteMachine::State>(order_.size()));
    if (inserted) {
      if (order_.size() >= max_states_) throw CompileError("a character class needs too many states");
      order_.push_back(&found->first);
    }
    return found->second;
  }

  const std::vector<const std::vector<ByteMachine::Edge>*>& states() const { return order_; }

 private:
  struct Less {
    bool operator()(const std::vector<ByteMachine::Edge>& a, const std::vector<ByteMachine::Edge>& b) const {
      return std::lexicographical_compare(
          a.begin(), a.end(), b.begin(), b.end(), [](const ByteMachine::Edge& x, const ByteMachine::Edge& y) {
            return std::tie(x.low, x.high, x.target) < std::tie(y.low, y.high, y.target);
          });
    }
  };

  static void add_edges(Symbol symbol, ByteMachine::State target, std::vector<ByteMachine::Edge>& edges) {
    if (!symbol.hex) {
      edges.push_back({symbol.low, symbol.high, target});
      return;
    }
    const auto add = [&](int low, int high, int zero) {
      if (low <= high) {
        edges.push_back({static_cast<std::uint8_t>(zero + low), static_cast<std::uint8_t>(zero + high), target});
      }
    };
    add(symbol.low, std::min<int>(symbol.high, 9), '0');
    add(std::max<int>(symbol.low, 10), symbol.high, 'A' - 10);
    add(std::max<int>(symbol.low, 10), symbol.high, 'a' - 10);
  }

  std::size_t max_states_;
  std::map<std::vector<ByteMachine::Edge>, ByteMachine::State, Less> states_;
  std::vector<const std::vector<ByteMachine::Edge>*> order_;
};

}  // namespace

ByteMachine::ByteMachine(const CharSet& set, Codec codec, std::size_t max_states) {
  std::vector<Word> words;
  switch (codec) {
    case Codec::kBytes:
      for (const auto& [low, high] : set) {
        words.push_back({{false, static_cast<std::uint8_t>(low), static_cast<std::uint8_t>(high)}});
      }
      break;
    case Codec::kUtf8:
      add_utf8(set, words);
      break;
    case Codec::kJson:
      add_json(set, words);
      break;
  }
  std::sort(words.begin(), words.end());
  Builder builder(max_states);
  builder.build(words.begin(), words.end(), 0);
  // The start was finished last; reversing the order makes it state 0.
  const auto& states = builder.states();
  const auto count = static_cast<State>(states.size());
  first_.push_back(0);
  for (State state = count; state-- > 0;) {
    for (Edge edge : *states[state]) {
      if (edge.target != kAccept) edge.target = static_cast<State>(count - 1 - edge.target);
      edges_.push_back(edge);
    }
    first_.push_back(static_cast<std::uint32_t>(edges_.size()));
  }
}

std::shared_ptr<const ByteMachine> byte_machine(const CharSet& set, Codec codec) {
  static std::mutex mutex;
  static std::map<std::pair<Codec, CharSet>, std::weak_ptr<const ByteMachine>> cache;
  static std::size_t sweep_at = 1024;
  const std::lock_guard lock(mutex);
  auto& entry = cache[{codec, set}];
  if (auto machine = entry.lock()) return machine;
  auto machine = std::make_shared<const ByteMachine>(set, codec, kMaxStates);
  entry = machine;
  if (cache.size() > sweep_at) {
    std::erase_if(cache, [](const auto& item) { return item.second.expired(); });
    sweep_at = 2 * cache.size() + 1024;
  }
  return machine;
}

}  // namespace tamis
