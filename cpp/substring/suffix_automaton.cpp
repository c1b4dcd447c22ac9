#include "suffix_automaton.hpp"

#include <algorithm>
#include <utility>

namespace tamis {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFFU;

struct Edge {
  std::uint32_t next;  // of the same state
  std::uint32_t target;
  std::uint8_t byte;
};

// Reads the text byte by byte; edges are linked lists, since most states have one.
class Building {
 public:
  struct State {
    std::uint32_t length;  // of its longest string
    std::uint32_t link;    // the state of the longest suffix that ends at more places
    std::uint32_t end;
    std::uint32_t edges;
  };

  explicit Building(const std::string& text) {
    states.reserve(text.size() + text.size() / 2);
    edges.reserve(2 * text.size());
    states.push_back({0, kNone, 0, kNone});
    for (std::size_t i = 0; i < text.size(); ++i) {
      append(static_cast<std::uint8_t>(text[i]), static_cast<std::uint32_t>(i));
    }
  }

  std::vector<State> states;
  std::vector<Edge> edges;

 private:
  std::uint32_t find(std::uint32_t state, std::uint8_t byte) const {
    std::uint32_t edge = states[state].edges;
    while (edge != kNone && edges[edge].byte != byte) edge = edges[edge].next;
    return edge;
  }
  void add(std::uint32_t state, std::uint8_t byte, std::uint32_t target) {
    edges.push_back({states[state].edges, target, byte});
    states[state].edges = static_cast<std::uint32_t>(edges.size() - 1);
  }

  void append(std::uint8_t byte, std::uint32_t end) {
    const auto made = static_cast<std::uint32_t>(states.size());
    states.push_back({states[last_].length + 1, 0, end, kNone});
    std::uint32_t from = last_;
    last_ = made;
    std::uint32_t edge = kNone;
    for (; from != kNone && (edge = find(from, byte)) == kNone; from = states[from].link) add(from, byte, made);
    if (from == kNone) return;
    const std::uint32_t target = edges[edge].target;
    if (states[target].length == states[from].length + 1) {
      states[made].link = target;
      return;
    }
    const auto clone = static_cast<std::uint32_t>(states.size());
    states.push_back({states[from].length + 1, states[target].link, states[target].end, kNone});
    for (std::uint32_t e = states[target].edges; e != kNone; e = edges[e].next) {
      const Edge copied = edges[e];
      add(clone, copied.byte, copied.target);
    }
    states[target].link = states[made].link = clone;
    for (; edge != kNone && edges[edge].target == target; edge = from == kNone ? kNone : find(from, byte)) {
      edges[edge].target = clone;
      from = states[from].link;
    }
  }

  std::uint32_t last_ = 0;
};

}  // namespace

SuffixAutomaton::SuffixAutomaton(std::string text) : text_(std::move(text)) {
  const Building built(text_);
  first_.reserve(built.states.size() + 1);
  ends_.reserve(built.states.size());
  bytes_.reserve(built.edges.size());
  targets_.reserve(built.edges.size());
  first_.push_back(0);
  std::vector<std::pair<std::uint8_t, std::uint32_t>> row;
  for (const Building::State& state : built.states) {
    row.clear();
    for (std::uint32_t e = state.edges; e != kNone; e = built.edges[e].next) {
      row.emplace_back(built.edges[e].byte, built.edges[e].target);
    }
    std::sort(row.begin(), row.end());
    for (const auto& [byte, target] : row) {
      bytes_.push_back(byte);
      targets_.push_back(static_cast<State>(target));
    }
    first_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    ends_.push_back(state.end);
  }
}

}  // namespace tamis
