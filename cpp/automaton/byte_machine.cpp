#include "byte_machine.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
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

// States of a minimal acyclic DFA, made bottom-up: equal states are one.
class States {
 public:
  explicit States(std::size_t max_states) : max_states_(max_states) {}

  ByteMachine::State add(std::vector<ByteMachine::Edge> edges) {
    std::sort(edges.begin(), edges.end(), [](const auto& a, const auto& b) { return a.low < b.low; });
    std::size_t kept = 0;
    for (std::size_t i = 1; i < edges.size(); ++i) {
      if (edges[kept].target == edges[i].target && edges[kept].high + 1 == edges[i].low) {
        edges[kept].high = edges[i].high;
      } else {
        edges[++kept] = edges[i];
      }
    }
    edges.resize(kept + 1);
    const auto [found, inserted] = known_.emplace(edges, static_cast<ByteMachine::State>(all_.size()));
    if (inserted) {
      if (all_.size() >= max_states_) throw CompileError("a character class needs too many states");
      all_.push_back(std::move(edges));
    }
    return found->second;
  }

  const std::vector<std::vector<ByteMachine::Edge>>& all() const { return all_; }

 private:
  struct Less {
    bool operator()(const std::vector<ByteMachine::Edge>& a, const std::vector<ByteMachine::Edge>& b) const {
      return std::lexicographical_compare(
          a.begin(), a.end(), b.begin(), b.end(), [](const ByteMachine::Edge& x, const ByteMachine::Edge& y) {
            return std::tie(x.low, x.high, x.target) < std::tie(y.low, y.high, y.target);
          });
    }
  };

  std::size_t max_states_;
  std::map<std::vector<ByteMachine::Edge>, ByteMachine::State, Less> known_;
  std::vector<std::vector<ByteMachine::Edge>> all_;
};

void add_edges(Symbol symbol, ByteMachine::State target, std::vector<ByteMachine::Edge>& edges) {
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

// The state in front of the words from `depth` on; they are sorted and begin alike.
ByteMachine::State add_words(States& states, std::vector<Word>::const_iterator begin,
                             std::vector<Word>::const_iterator end, std::size_t depth) {
  if (begin->size() == depth) return ByteMachine::kAccept;
  std::vector<ByteMachine::Edge> edges;
  while (begin != end) {
    const Symbol symbol = (*begin)[depth];
    auto group_end = begin;
    while (group_end != end && (*group_end)[depth] == symbol) ++group_end;
    add_edges(symbol, add_words(states, begin, group_end, depth + 1), edges);
    begin = group_end;
  }
  return states.add(std::move(edges));
}

// What two machines both read.
class Common {
 public:
  Common(const ByteMachine& a, const ByteMachine& b) : a_(a), b_(b), states_(kMaxStates) {}

  // The state in front of it, from these two on; kDead where it is nothing.
  ByteMachine::State add(ByteMachine::State in_a, ByteMachine::State in_b) {
    constexpr ByteMachine::State kAccept = ByteMachine::kAccept;
    if (in_a == kAccept || in_b == kAccept) return in_a == in_b ? kAccept : ByteMachine::kDead;
    const auto known = known_.find({in_a, in_b});
    if (known != known_.end()) return known->second;
    std::vector<ByteMachine::Edge> edges;
    for (const ByteMachine::Edge& x : a_.edges(in_a)) {
      for (const ByteMachine::Edge& y : b_.edges(in_b)) {
        const std::uint8_t low = std::max(x.low, y.low);
        const std::uint8_t high = std::min(x.high, y.high);
        if (low > high) continue;
        const ByteMachine::State target = add(x.target, y.target);
        if (target != ByteMachine::kDead) edges.push_back({low, high, target});
      }
    }
    const ByteMachine::State made = edges.empty() ? ByteMachine::kDead : states_.add(std::move(edges));
    known_.emplace(std::pair{in_a, in_b}, made);
    return made;
  }

  const std::vector<std::vector<ByteMachine::Edge>>& states() const { return states_.all(); }

 private:
  const ByteMachine& a_;
  const ByteMachine& b_;
  States states_;
  std::map<std::pair<ByteMachine::State, ByteMachine::State>, ByteMachine::State> known_;
};

template <typename Key, typename Make>
std::shared_ptr<const ByteMachine> shared(const Key& key, Make make) {
  static std::mutex mutex;
  static std::map<Key, std::weak_ptr<const ByteMachine>> cache;
  static std::size_t sweep_at = 1024;
  const std::lock_guard lock(mutex);
  auto& entry = cache[key];
  if (auto machine = entry.lock()) return machine;
  std::shared_ptr<const ByteMachine> machine = make();
  entry = machine;
  if (cache.size() > sweep_at) {
    std::erase_if(cache, [](const auto& item) { return item.second.expired(); });
    sweep_at = 2 * cache.size() + 1024;
  }
  return machine;
}

std::shared_ptr<const ByteMachine> shared(ByteMachine machine) {
  return shared(machine.words(), [&] { return std::make_shared<const ByteMachine>(std::move(machine)); });
}

}  // namespace

ByteMachine::ByteMachine(const std::vector<std::vector<Edge>>& states, State start) {
  std::vector<State> numbers(states.size(), kDead);
  std::vector<State> order = {start};
  numbers[start] = kStart;
  first_.push_back(0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (Edge edge : states[order[i]]) {
      if (edge.target != kAccept) {
        if (numbers[edge.target] == kDead) {
          numbers[edge.target] = static_cast<State>(order.size());
          order.push_back(edge.target);
        }
        edge.target = numbers[edge.target];
      }
      edges_.push_back(edge);
    }
    first_.push_back(static_cast<std::uint32_t>(edges_.size()));
  }
  beginnings_ = first_bytes().count();
}

std::vector<std::uint32_t> ByteMachine::words() const {
  std::vector<std::uint32_t> words = first_;
  for (const Edge& edge : edges_) words.push_back(edge.low | (edge.high << 8U) | (std::uint32_t{edge.target} << 16U));
  return words;
}

std::shared_ptr<const ByteMachine> byte_machine(const CharSet& set, Codec codec) {
  return shared(std::pair{codec, set}, [&] {
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
    States states(kMaxStates);
    const ByteMachine::State start = add_words(states, words.begin(), words.end(), 0);
    return shared(ByteMachine(states.all(), start));
  });
}

std::shared_ptr<const ByteMachine> common_characters(const std::shared_ptr<const ByteMachine>& a,
                                                     const std::shared_ptr<const ByteMachine>& b) {
  if (a == b) return a;
  Common common(*a, *b);
  const ByteMachine::State start = common.add(ByteMachine::kStart, ByteMachine::kStart);
  return start == ByteMachine::kDead ? nullptr : shared(ByteMachine(common.states(), start));
}

bool clash(const ByteMachine& a, const ByteMachine& b) {
  std::vector<std::pair<ByteMachine::State, ByteMachine::State>> todo = {{ByteMachine::kStart, ByteMachine::kStart}};
  std::set<std::pair<ByteMachine::State, ByteMachine::State>> met(todo.begin(), todo.end());
  while (!todo.empty()) {
    const auto [in_a, in_b] = todo.back();
    todo.pop_back();
    for (const ByteMachine::Edge& x : a.edges(in_a)) {
      for (const ByteMachine::Edge& y : b.edges(in_b)) {
        if (std::max(x.low, y.low) > std::min(x.high, y.high)) continue;
        if (x.target == ByteMachine::kAccept || y.target == ByteMachine::kAccept) return true;
        if (met.emplace(x.target, y.target).second) todo.emplace_back(x.target, y.target);
      }
    }
  }
  return false;
}

std::shared_ptr<const ByteMachine> without_first_bytes(const std::shared_ptr<const ByteMachine>& machine,
                                                       const std::bitset<256>& bytes) {
  if ((machine->first_bytes() & bytes).none()) return machine;
  std::vector<std::vector<ByteMachine::Edge>> states(1);
  for (ByteMachine::State state = 0; state < machine->size(); ++state) {
    if (state > 0) states.emplace_back(machine->edges(state).begin(), machine->edges(state).end());
  }
  for (const ByteMachine::Edge& edge : machine->edges(ByteMachine::kStart)) {
    for (unsigned byte = edge.low; byte <= edge.high; ++byte) {
      if (bytes[byte]) continue;
      const auto one = static_cast<std::uint8_t>(byte);
      auto& kept = states[0];
      if (!kept.empty() && kept.back().target == edge.target && kept.back().high + 1 == one) {
        kept.back().high = one;
      } else {
        kept.push_back({one, one, edge.target});
      }
    }
  }
  return states[0].empty() ? nullptr : shared(ByteMachine(states, ByteMachine::kStart));
}

}  // namespace tamis
