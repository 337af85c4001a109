namespace DimIlgpu.Kernels;

/// <summary>The device has no room for what was asked.</summary>
/// <param name="message">How much was asked and held, and what to change.</param>
/// <param name="innerException">What the driver said.</param>
public sealed class DeviceMemoryException(string message, Exception? innerException = null)
    : Exception(message, innerException);
