using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class ParameterStoreTests
{
    [Fact]
    public void Parameters_lie_side_by_side_those_that_decay_first()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using ParameterStore store = Declared();
        store.Allocate(device);
        Assert.Equal(["weight", "bias", "table"], store.Parameters.Select(p => p.Name));
        Assert.Equal((40 * 30) + 5 + 33, store.Count);
        Assert.Equal(2, store.DecayingRows);
        Assert.Equal(new Shape(3, 1024), store.Values.Shape);
        foreach (Parameter parameter in store.Parameters)
        {
            Assert.Equal(parameter.Shape, parameter.Value.Shape);
            Assert.True(parameter.Value.IsContiguous);
            parameter.Value.Upload([.. Enumerable.Repeat((float)parameter.Name[0], (int)parameter.Shape.Length)]);
        }

        float[] flat = store.Values.ToArray();
        Assert.All(flat[..1200], v => Assert.Equal('w', v));
        Assert.All(flat[1200..1216], v => Assert.Equal(0, v));
        Assert.All(flat[1216..1249], v => Assert.Equal('t', v));
        Assert.All(flat[1249..2048], v => Assert.Equal(0, v));
        Assert.All(flat[2048..2053], v => Assert.Equal('b', v));
        Assert.All(flat[2053..], v => Assert.Equal(0, v));
    }

    [Fact]
    public void Inference_holds_values_only()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using ParameterStore training = Declared(), inference = Declared();
        training.Allocate(device);
        inference.Allocate(device, training: false, ema: false);
        Assert.Equal(training.HeldBytes, 5 * inference.HeldBytes);
        Assert.Null(inference.Gradients);
        Assert.Null(inference.Ema);
        Assert.Null(inference["bias"].Gradient);
        using Tape tape = new(device);
        Assert.False(inference.Use(tape, "bias").NeedsGradient);
        Assert.True(training.Use(tape, "bias").NeedsGradient);
        Assert.Throws<InvalidOperationException>(inference.UseEma);
        Assert.Throws<InvalidOperationException>(() => new AdamWOptimizer(inference));
    }

    [Fact]
    public void Gradients_accumulate_over_tapes()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using ParameterStore store = Declared();
        store.Allocate(device);
        using Arena arena = new(device);
        for (int i = 1; i <= 2; i++)
        {
            using Tape tape = new(device);
            Variable bias = store.Use(tape, "bias");
            tape.Backward(tape.Sum(bias, store.Use(tape, "bias")), arena.Upload([1, 2, 3, 4, 5], new(1, 5)));
        }

        store["bias"].Gradient!.Value.ShouldBe([4, 8, 12, 16, 20], 0, 1e-6);
    }

    [Fact]
    public void The_average_stands_in_for_the_values_within_its_scope()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using ParameterStore store = Declared();
        store.Allocate(device);
        Parameter bias = store["bias"];
        bias.Value.Upload([1f, 2, 3, 4, 5]);
        store.ResetEma();
        bias.Value.Upload([9f, 9, 9, 9, 9]);
        long version = store.Version;
        using (store.UseEma())
        {
            Assert.NotEqual(version, store.Version);
            version = store.Version;
            bias.Value.ShouldBe([1, 2, 3, 4, 5], 0, 1e-6);
            using Tape tape = new(device, recording: false);
            store.Use(tape, bias).Value.ShouldBe([1, 2, 3, 4, 5], 0, 1e-6);
        }

        Assert.NotEqual(version, store.Version);
        bias.Value.ShouldBe([9, 9, 9, 9, 9], 0, 1e-6);
    }

    [Fact]
    public void Mistakes_are_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using ParameterStore store = Declared(), other = Declared();
        Assert.Contains("'bias' of 1×5", Assert.Throws<ArgumentException>(() => store.Declare("bias", new(1, 6))).Message, StringComparison.Ordinal);
        Assert.Contains("nearest: 'weight'", Assert.Throws<KeyNotFoundException>(() => store["weihgt"]).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => store.Declare("empty", new(0, 5)));
        Assert.Throws<InvalidOperationException>(() => store["bias"].Value);
        store.Allocate(device);
        Assert.Throws<InvalidOperationException>(() => store.Allocate(device));
        Assert.Throws<InvalidOperationException>(() => store.Declare("late", new(1, 1)));
        Assert.Throws<InvalidOperationException>(() => new ParameterStore().Allocate(device));
        using Tape tape = new(device);
        Assert.Throws<ArgumentException>(() => store.Use(tape, other["bias"]));
    }

    private static ParameterStore Declared()
    {
        ParameterStore store = new();
        store.Declare("weight", new(40, 30));
        store.Declare("bias", new(1, 5), decays: false);
        store.Declare("table", new(3, 11));
        return store;
    }
}
