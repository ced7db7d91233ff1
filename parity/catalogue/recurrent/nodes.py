"""Catalogue of chapter 6: nodes, which are one time step of a recurrent layer."""

from __future__ import annotations

from parity.catalogue.recurrent.describe import describe
from parity.mutants.recurrent import gru_node, lstm_node, peepholes, reset_after, rnn_node

COMPONENTS = (
    describe(
        "RNNNode",
        "a time step of the classic recurrent cell",
        '''
class RNNNode:
    """One time step. params_dict is {name: {"value": array, "deriv": array}}: W_f of shape
    (features + hidden, hidden), B_f (1, hidden), W_v (hidden, out), B_v (1, out)."""

    def forward(self, x_in, H_in, params_dict):
        """From x_in (batch, features) and H_in (batch, hidden): x_out (batch, out) and H_out. With
        Z, the two side by side, H_out is tanh(Z W_f + B_f), x_out is H_out W_v + B_v. Keep what
        backward needs."""

    def backward(self, x_out_grad, H_out_grad, params_dict):
        """The gradients on x_in and H_in, in this order. Adds the gradients on the parameters to
        what their "deriv" holds. H_out_grad comes from the next time step."""
''',
        rnn_node.RNN_NODE,
    ),
    describe(
        "GRUNode",
        "a time step of a gated recurrent unit",
        '''
class GRUNode:
    """One time step. params_dict is {name: {"value": array, "deriv": array}}: W_xr, W_xu and W_xh
    of shape (features, hidden), W_hr, W_hu, W_hh (hidden, hidden), B_r, B_u, B_h (1, hidden), W_v
    (hidden, out), B_v (1, out)."""

    def forward(self, X_in, H_in, params_dict):
        """X_out and H_out, as RNNNode. r = sigmoid(X_in W_xr + H_in W_hr + B_r), u likewise;
        h_bar = tanh(X_in W_xh + (r * H_in) W_hh + B_h); H_out = u * H_in + (1 - u) * h_bar;
        X_out = H_out W_v + B_v."""

    def backward(self, X_out_grad, H_out_grad, params_dict):
        """The gradients on X_in and H_in; adds to every "deriv", as RNNNode."""
''',
        gru_node.GRU_NODE,
    ),
    describe(
        "GRUNode",
        "a GRU that resets after the product, as nn.GRU",
        """GRUNode takes reset_after=False. With True, params_dict has B_hh (1, hidden), too, and
        h_bar = tanh(X_in W_xh + B_h + r * (H_in W_hh + B_hh)).""",
        reset_after.RESET_AFTER,
        option="reset_after",
    ),
    describe(
        "LSTMNode",
        "a time step of long short-term memory",
        '''
class LSTMNode:
    """One time step. params_dict is {name: {"value": array, "deriv": array}}: W_f, W_i, W_c, W_o of
    shape (features + hidden, hidden), B_f, B_i, B_c, B_o (1, hidden), W_v (hidden, out), B_v
    (1, out)."""

    def forward(self, X_in, H_in, C_in, params_dict):
        """X_out, H_out and C_out, the new state of the cell. With Z, X_in and H_in side by side,
        f = sigmoid(Z W_f + B_f), i and o likewise; C_bar = tanh(Z W_c + B_c);
        C_out = f * C_in + i * C_bar; H_out = o * tanh(C_out); X_out = H_out W_v + B_v."""

    def backward(self, X_out_grad, H_out_grad, C_out_grad, params_dict):
        """The gradients on X_in, H_in and C_in, in this order. Adds the gradients on the parameters
        to what their "deriv" holds."""
''',
        lstm_node.LSTM_NODE,
    ),
    describe(
        "LSTMNode",
        "an LSTM whose gates see the cell's state",
        """LSTMNode takes peepholes=False. With True, params_dict has P_f, P_i and P_o (1, hidden),
        too: P_f * C_in is added to what the sigmoid of f is taken of, P_i * C_in to that of i,
        P_o * C_out to that of o.""",
        peepholes.PEEPHOLES,
        option="peepholes",
    ),
)
